package org.dlonflink.operator;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.table.types.logical.RowType;
import org.dlonflink.plan.Plan;
import org.dlonflink.plan.Text;

/**
 * What the operator is told; travels to the task managers within the job.
 *
 * @param log file for the worker's output; null: the log of the task manager
 * @param files the distributed cache holds the user's files
 * @param rows type of the rows that come in
 * @param values each row is one column of BYTES, which holds whole batches
 * @param scored type of the rows that go out; no column: the worker sends none
 * @param worker JSON array for HELLO
 */
@Internal
public record TrainSettings(
        String name,
        String run,
        Plan.Limits limits,
        ArrayList<String> command,
        LinkedHashMap<String, Text> environment,
        @Nullable String log,
        boolean files,
        String worker,
        RowType rows,
        boolean values,
        RowType scored)
        implements Serializable {
    /** The name of the user's files in the distributed cache. */
    public static final String FILES = "dlonflink-files";

    public static TrainSettings of(Plan plan, RowType rows, RowType scored) {
        return new TrainSettings(
                plan.name(),
                plan.run(),
                plan.limits(),
                new ArrayList<>(plan.command()),
                new LinkedHashMap<>(plan.environment()),
                plan.log(),
                plan.files() != null,
                plan.worker(),
                rows,
                plan.values(),
                scored);
    }
}
