package org.dlonflink.metrics;

import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.HistogramStatistics;
import org.apache.flink.metrics.Meter;
import org.apache.flink.metrics.Metric;

/**
 * Prometheus' text format 0.0.4. Families in the order of their names, for the samples of one must stand together; two
 * samples with equal labels, which a scrape would be refused for, are one: the later.
 */
final class PrometheusText {
    private static final List<Double> QUANTILES = List.of(.5, .75, .95, .98, .99, .999);

    private record Family(String type, SortedMap<String, String> samples) {}

    private final SortedMap<String, Family> families = new TreeMap<>();

    /** Adds a metric; one that is no number is left out, and so is a gauge that fails: it may be on its way out. */
    void add(String name, Map<String, String> labels, Metric metric) {
        if (metric instanceof Counter counter) {
            put(name, "gauge", name + labels(labels), counter.getCount());
        } else if (metric instanceof Meter meter) {
            put(name, "gauge", name + labels(labels), meter.getRate());
        } else if (metric instanceof Gauge<?> gauge) {
            try {
                if (gauge.getValue() instanceof Number number) {
                    put(name, "gauge", name + labels(labels), number);
                }
            } catch (RuntimeException e) {
                return;
            }
        } else if (metric instanceof Histogram histogram) {
            HistogramStatistics statistics = histogram.getStatistics();
            for (double quantile : QUANTILES) {
                Map<String, String> more = new TreeMap<>(labels);
                more.put("quantile", String.valueOf(quantile));
                put(name, "summary", name + labels(more), statistics.getQuantile(quantile));
            }
            put(name, "summary", name + "_count" + labels(labels), histogram.getCount());
        }
    }

    private void put(String name, String type, String sample, Number value) {
        families.computeIfAbsent(name, key -> new Family(type, new TreeMap<>()))
                .samples()
                .put(sample, number(value));
    }

    private static String number(Number value) {
        double number = value.doubleValue();
        if (Double.isInfinite(number)) {
            return number > 0 ? "+Inf" : "-Inf";
        }
        return value.toString();
    }

    private static String labels(Map<String, String> labels) {
        StringBuilder text = new StringBuilder("{");
        labels.forEach((name, value) -> text.append(text.length() > 1 ? "," : "")
                .append(name)
                .append("=\"")
                .append(value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n"))
                .append('"'));
        return text.append('}').toString();
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        families.forEach((name, family) -> {
            text.append("# TYPE ")
                    .append(name)
                    .append(' ')
                    .append(family.type())
                    .append('\n');
            family.samples()
                    .forEach((sample, value) ->
                            text.append(sample).append(' ').append(value).append('\n'));
        });
        return text.toString();
    }
}
