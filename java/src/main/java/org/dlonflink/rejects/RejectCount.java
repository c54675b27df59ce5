package org.dlonflink.rejects;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.co.CoProcessFunction;
import org.apache.flink.table.data.RowData;
import org.apache.flink.util.Collector;

/**
 * Rejects of the worker and of text become one stream, and those of text are counted. Not where they are found: once a
 * source has finished, a restart does not run it again, nor what is chained to it, and a count there would be forgotten.
 * This one ends after the worker.
 */
@Internal
public final class RejectCount extends CoProcessFunction<RowData, RowData, RowData> implements CheckpointedFunction {
    public static final String ACCUMULATOR = "dlonflink.rejected";

    private static final long serialVersionUID = 1L;

    private final LongCounter counter = new LongCounter();
    private transient ListState<Long> state;

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        state = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("count", Types.LONG));
        for (long before : state.get()) {
            counter.add(before);
        }
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        state.clear();
        state.add(counter.getLocalValuePrimitive());
    }

    @Override
    public void open(OpenContext context) {
        getRuntimeContext().addAccumulator(ACCUMULATOR, counter);
    }

    @Override
    public void processElement1(RowData ofWorker, Context context, Collector<RowData> out) {
        out.collect(ofWorker);
    }

    @Override
    public void processElement2(RowData ofText, Context context, Collector<RowData> out) {
        counter.add(1);
        out.collect(ofText);
    }
}
