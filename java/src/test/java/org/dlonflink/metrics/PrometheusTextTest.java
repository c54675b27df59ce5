package org.dlonflink.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.MeterView;
import org.apache.flink.metrics.SimpleCounter;
import org.apache.flink.runtime.metrics.DescriptiveStatisticsHistogram;
import org.junit.jupiter.api.Test;

class PrometheusTextTest {
    private final PrometheusText text = new PrometheusText();

    private static SimpleCounter counted(int count) {
        SimpleCounter counter = new SimpleCounter();
        counter.inc(count);
        return counter;
    }

    private void gauge(String name, Object value) {
        text.add(name, Map.of(), (Gauge<Object>) () -> value);
    }

    @Test
    void samplesOfOneNameStandTogetherAndLabelsAreEscaped() {
        text.add("b", Map.of("task", "one"), counted(1));
        text.add("a", Map.of(), new MeterView(counted(5)));
        text.add("b", new TreeMap<>(Map.of("task", "say \"a\\b\"\nc", "job", "é")), counted(2));
        assertThat(text.toString())
                .isEqualTo(
                        """
                        # TYPE a gauge
                        a{} 0.0
                        # TYPE b gauge
                        b{job="é",task="say \\"a\\\\b\\"\\nc"} 2
                        b{task="one"} 1
                        """);
    }

    /** A scrape that holds one sample twice is refused as a whole. */
    @Test
    void twoSamplesOfEqualLabelsAreOne() {
        text.add("a", Map.of("task", "one"), counted(1));
        text.add("a", Map.of("task", "one"), counted(2));
        assertThat(text.toString()).isEqualTo("# TYPE a gauge\na{task=\"one\"} 2\n");
    }

    @Test
    void numbersAloneAreTold() {
        gauge("nan", Double.NaN);
        gauge("no", null);
        gauge("text", "{}");
        gauge("up", Double.POSITIVE_INFINITY);
        gauge("down", Float.NEGATIVE_INFINITY);
        text.add("fails", Map.of(), (Gauge<Long>) () -> {
            throw new IllegalStateException("on its way out");
        });
        assertThat(text.toString())
                .isEqualTo("# TYPE down gauge\ndown{} -Inf\n# TYPE nan gauge\nnan{} NaN\n# TYPE up gauge\nup{} +Inf\n");
    }

    @Test
    void aHistogramIsASummary() {
        Histogram histogram = new DescriptiveStatisticsHistogram(10);
        histogram.update(4);
        text.add("h", Map.of("task", "one"), histogram);
        assertThat(text.toString().lines())
                .startsWith("# TYPE h summary")
                .contains("h{quantile=\"0.99\",task=\"one\"} 4.0", "h_count{task=\"one\"} 1")
                .hasSize(8);
    }
}
