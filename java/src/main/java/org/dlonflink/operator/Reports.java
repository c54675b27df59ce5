package org.dlonflink.operator;

import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.streaming.api.operators.StreamingRuntimeContext;

/**
 * What the job tells of itself: counters, the worker's latest report (metric {@code dlonflink.report}, JSON), and its
 * last one, which outlives the job as the accumulator {@link #ACCUMULATOR}.
 */
public final class Reports {
    public static final String ACCUMULATOR = "dlonflink.report";

    private final LastReport last = new LastReport();
    private final Counter rowsIn;
    private final Counter rowsOut;
    private final Counter batches;
    private volatile String latest = "{}";

    Reports(StreamingRuntimeContext context, MetricGroup operator) {
        MetricGroup group = operator.addGroup("dlonflink");
        rowsIn = group.counter("rowsIn");
        rowsOut = group.counter("rowsOut");
        batches = group.counter("batches");
        group.gauge("report", (Gauge<String>) () -> latest);
        context.addAccumulator(ACCUMULATOR, last);
    }

    void rowIn() {
        rowsIn.inc();
    }

    void rowsOut(int rows) {
        rowsOut.inc(rows);
    }

    void batch() {
        batches.inc();
    }

    /** Called by the reader's thread. */
    void latest(String json) {
        latest = json;
    }

    void last(String json) {
        latest = json;
        last.add(json);
    }
}
