package org.dlonflink.operator;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import org.apache.flink.annotation.Internal;
import org.apache.flink.table.types.logical.RowType;
import org.dlonflink.plan.Plan;

/**
 * What the operator is told; travels to the task managers within the job.
 *
 * @param rows type of the rows that come in
 * @param scored type of the rows that go out; no column: the worker sends none
 * @param worker JSON array for HELLO
 */
@Internal
public record TrainSettings(
        String name,
        String run,
        Plan.Limits limits,
        ArrayList<String> command,
        LinkedHashMap<String, String> environment,
        String log,
        String worker,
        RowType rows,
        RowType scored)
        implements Serializable {

    public static TrainSettings of(Plan plan, RowType rows, RowType scored) {
        return new TrainSettings(
                plan.name(),
                plan.run(),
                plan.limits(),
                new ArrayList<>(plan.command()),
                new LinkedHashMap<>(plan.environment()),
                plan.log(),
                plan.worker(),
                rows,
                scored);
    }
}
