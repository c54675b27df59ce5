package org.dlonflink.operator;

import org.apache.flink.api.common.accumulators.Accumulator;
import org.apache.flink.api.common.accumulators.SimpleAccumulator;

/** An accumulator that holds one text: the last. Empty until there is one, for Flink refuses to hand out a null. */
final class LastReport implements SimpleAccumulator<String> {
    private static final long serialVersionUID = 1L;

    /** Volatile, for heartbeats read it from another thread. */
    private volatile String report = "";

    @Override
    public void add(String json) {
        report = json;
    }

    @Override
    public String getLocalValue() {
        return report;
    }

    @Override
    public void resetLocal() {
        report = "";
    }

    @Override
    public void merge(Accumulator<String, String> other) {
        if (!other.getLocalValue().isEmpty()) {
            report = other.getLocalValue();
        }
    }

    @Override
    public SimpleAccumulator<String> clone() {
        LastReport copy = new LastReport();
        copy.report = report;
        return copy;
    }
}
