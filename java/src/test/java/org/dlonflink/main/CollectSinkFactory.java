package org.dlonflink.main;

import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.streaming.api.functions.sink.legacy.SinkFunction;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.legacy.SinkFunctionProvider;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DynamicTableSinkFactory;

/** The table connector {@code collect}: keeps the first column of what it is given, for the test in the same JVM. */
@SuppressWarnings("deprecation")
public final class CollectSinkFactory implements DynamicTableSinkFactory {
    static final Queue<Long> ROWS = new ConcurrentLinkedQueue<>();

    @Override
    public String factoryIdentifier() {
        return "collect";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of();
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of();
    }

    @Override
    public DynamicTableSink createDynamicTableSink(Context context) {
        return new CollectSink();
    }

    private static final class CollectSink implements DynamicTableSink {
        @Override
        public ChangelogMode getChangelogMode(ChangelogMode requested) {
            return ChangelogMode.insertOnly();
        }

        @Override
        public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
            return SinkFunctionProvider.of(new SinkFunction<RowData>() {
                private static final long serialVersionUID = 1L;

                @Override
                public void invoke(RowData row, SinkFunction.Context sinkContext) {
                    ROWS.add(row.getLong(0));
                }
            });
        }

        @Override
        public DynamicTableSink copy() {
            return this;
        }

        @Override
        public String asSummaryString() {
            return "collect";
        }
    }
}
