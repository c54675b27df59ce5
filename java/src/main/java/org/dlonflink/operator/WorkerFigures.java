package org.dlonflink.operator;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Each number of the worker's report as a gauge, so that a figure which a learner or an evaluation adds needs no word
 * here: {@code table_rows} is {@code tableRows}, {@code window: {auc}} is {@code windowAuc}, {@code metrics: {auc}},
 * which is over all rows, is {@code auc}. A gauge is there from its first number on.
 */
final class WorkerFigures {
    private static final Set<String> WITHOUT_PREFIX = Set.of("metrics", "effort");
    private static final String EVENT_TIME = "eventTimeMillis";

    /** When the report was made: of no use but to who reads all of it. */
    private static final String AT = "at";

    /** Of gauges: Flink keeps each for as long as the task lives. */
    private static final int MOST = 1_000;

    private final MetricGroup group;
    private final Map<String, Number> values = new ConcurrentHashMap<>();

    WorkerFigures(MetricGroup group) {
        this.group = group;
    }

    void take(ObjectNode report) {
        take("", report);
    }

    private void take(String prefix, ObjectNode report) {
        report.properties().forEach(entry -> {
            String name = camelCase(prefix, entry.getKey());
            JsonNode value = entry.getValue();
            if (value.isNumber() && !name.equals(AT)) {
                put(name, value.numberValue());
            } else if (value.isNull() && values.containsKey(name)) {
                put(name, Double.NaN);
            } else if (value instanceof ObjectNode inner && prefix.isEmpty()) {
                take(WITHOUT_PREFIX.contains(entry.getKey()) ? "" : name, inner);
            }
        });
    }

    private void put(String name, Number value) {
        if (values.size() >= MOST && !values.containsKey(name)) {
            return;
        }
        if (values.put(name, value) == null) {
            group.gauge(name, (Gauge<Number>) () -> values.get(name));
            if (name.equals(EVENT_TIME)) {
                // Computed when it is looked at: it grows while the stream stands still, and no report comes.
                group.gauge("eventTimeLagMillis", (Gauge<Long>) this::lag);
            }
        }
    }

    private long lag() {
        return System.currentTimeMillis() - values.get(EVENT_TIME).longValue();
    }

    private static String camelCase(String prefix, String key) {
        StringBuilder name = new StringBuilder(prefix);
        boolean upper = !prefix.isEmpty();
        for (int i = 0; i < key.length(); i++) {
            char sign = key.charAt(i);
            if (sign == '_') {
                upper = true;
            } else {
                name.append(upper ? Character.toUpperCase(sign) : sign);
                upper = false;
            }
        }
        return name.toString();
    }
}
