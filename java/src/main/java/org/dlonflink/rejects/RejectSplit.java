package org.dlonflink.rejects;

import java.io.IOException;
import java.util.Locale;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.utils.ProjectedRowData;
import org.apache.flink.util.Collector;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.plan.Plan;

/**
 * Good rows of text go on, bad ones to the side. Counts both, and ends the job when the share of the bad is too large.
 */
@Internal
public final class RejectSplit extends ProcessFunction<RowData, RowData> implements CheckpointedFunction {
    private static final long serialVersionUID = 1L;

    private final Plan.Bound bound;
    private final String run;
    private final int columns;
    private transient ProjectedRowData good;
    private transient ListState<long[]> state;
    private long seen;
    private long rejected;

    @Nullable
    private transient RowData newest;

    public RejectSplit(Plan.Bound bound, String run, int columns) {
        this.bound = bound;
        this.run = run;
        this.columns = columns;
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        state = context.getOperatorStateStore()
                .getListState(
                        new ListStateDescriptor<>("counts", PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO));
        for (long[] counts : state.get()) {
            seen += counts[0];
            rejected += counts[1];
        }
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        state.clear();
        state.add(new long[] {seen, rejected});
    }

    @Override
    public void open(OpenContext context) {
        int[] all = new int[columns];
        for (int i = 0; i < columns; i++) {
            all[i] = i;
        }
        good = ProjectedRowData.from(all);
    }

    @Override
    public void processElement(RowData row, Context context, Collector<RowData> out) throws IOException {
        seen++;
        if (row.isNullAt(columns)) {
            out.collect(good.replaceRow(row));
        } else {
            rejected++;
            newest = row.getRow(columns, Rejects.TEXT_FIELDS);
            context.output(Rejects.TAG, whole(newest));
        }
        if (seen >= bound.over() && rejected > bound.maxShare() * seen) {
            throw tooMany();
        }
    }

    private RowData whole(RowData text) {
        return GenericRowData.of(
                text.getString(0),
                text.getString(1),
                text.getString(2),
                text.getBinary(3),
                StringData.fromString(run),
                getRuntimeContext().getTaskInfo().getAttemptNumber());
    }

    private FailureException tooMany() {
        Failure failure = Failure.of(
                        "rejects",
                        String.format(
                                Locale.ROOT,
                                "%,d of %,d rows are bad, %.2f%%",
                                rejected,
                                seen,
                                100.0 * rejected / seen))
                .expected(String.format(
                        Locale.ROOT,
                        "at most %.2f%% once %,d rows are seen (source.rejects)",
                        100 * bound.maxShare(),
                        bound.over()))
                .fix("see the rejects in " + bound.to() + "; mend the source, or raise source.rejects.max_share");
        if (newest != null) {
            failure =
                    failure.where(newest.getString(2).toString()).got(newest.getString(0) + ": " + newest.getString(1));
        }
        return failure.exception();
    }
}
