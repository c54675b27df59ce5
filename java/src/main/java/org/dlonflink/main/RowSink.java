package org.dlonflink.main;

import java.io.IOException;
import java.io.OutputStream;
import org.apache.flink.api.common.serialization.Encoder;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.sink.filesystem.OutputFileConfig;
import org.apache.flink.streaming.api.functions.sink.filesystem.bucketassigners.BasePathBucketAssigner;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;
import org.apache.flink.table.api.bridge.java.StreamStatementSet;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.connector.format.EncodingFormat;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.factories.SerializationFormatFactory;
import org.apache.flink.table.runtime.connector.sink.SinkRuntimeProviderContext;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.utils.TypeConversions;
import org.dlonflink.plan.Plan;

/** Where a stream of rows goes: a table of the plan's statements, or part files. */
final class RowSink {
    private RowSink() {}

    /** @param name the operator's, and of its state in a checkpoint */
    static void attach(Plan.Sink sink, StreamTableEnvironment tables, DataStream<RowData> rows, String name) {
        if (sink.files() != null) {
            rows.sinkTo(files(sink.files(), (InternalTypeInfo<RowData>) rows.getType()))
                    .setParallelism(1)
                    .name(name)
                    .uid(name);
        } else {
            StreamStatementSet inserts = tables.createStatementSet();
            inserts.addInsert(sink.table(), tables.fromDataStream(rows));
            inserts.attachAsDataStream();
        }
    }

    /**
     * Not Flink's table connector {@code filesystem}: one of its part files goes on over checkpoints, until a clock or its
     * size ends it. Here each checkpoint ends one, and its rows are seen when the checkpoint is complete.
     */
    private static FileSink<RowData> files(Plan.Files files, InternalTypeInfo<RowData> type) {
        SerializationFormatFactory factory = FactoryUtil.discoverFactory(
                RowSink.class.getClassLoader(), SerializationFormatFactory.class, files.format());
        // Neither of Flink's two text formats looks at the table: their options are all they know.
        EncodingFormat<SerializationSchema<RowData>> format =
                factory.createEncodingFormat(null, Configuration.fromMap(files.options()));
        SerializationSchema<RowData> schema = format.createRuntimeEncoder(
                new SinkRuntimeProviderContext(false), TypeConversions.fromLogicalToDataType(type.toRowType()));
        return FileSink.<RowData>forRowFormat(new Path(files.path()), new Lines(schema))
                .withBucketAssigner(new BasePathBucketAssigner<>())
                .withRollingPolicy(OnCheckpointRollingPolicy.build())
                .withOutputFileConfig(new OutputFileConfig(files.prefix(), files.suffix()))
                .build();
    }

    /** A row a line. */
    private static final class Lines implements Encoder<RowData> {
        private static final long serialVersionUID = 1L;

        private final SerializationSchema<RowData> schema;
        private transient boolean open;

        Lines(SerializationSchema<RowData> schema) {
            this.schema = schema;
        }

        @Override
        public void encode(RowData row, OutputStream stream) throws IOException {
            if (!open) {
                open();
            }
            stream.write(schema.serialize(row));
            stream.write('\n');
        }

        private void open() throws IOException {
            try {
                schema.open(null); // they do not look at its context either
            } catch (Exception e) {
                throw new IOException("the format cannot be opened", e);
            }
            open = true;
        }
    }
}
