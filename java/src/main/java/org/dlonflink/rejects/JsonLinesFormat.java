package org.dlonflink.rejects;

import java.io.IOException;
import java.io.Serializable;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.src.util.ArrayResultIterator;
import org.apache.flink.connector.file.src.util.CheckpointedPosition;
import org.apache.flink.core.fs.Path;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.util.SimpleUserCodeClassLoader;
import org.apache.flink.util.UserCodeClassLoader;
import org.dlonflink.failure.FailureException;

/**
 * Reads JSON lines in batches that know the byte they begin at. Flink's own reader of lines does not: restored at record
 * n, it counts from there, so that the checkpoint after that says too little, and the next restore gives rows twice.
 */
@Internal
public final class JsonLinesFormat implements BulkFormat<RowData, FileSourceSplit> {
    private static final long serialVersionUID = 1L;

    private static final int BATCH_ROWS = 1_024;

    private static final DeserializationSchema.InitializationContext CONTEXT =
            new DeserializationSchema.InitializationContext() {
                @Override
                public MetricGroup getMetricGroup() {
                    return new UnregisteredMetricsGroup();
                }

                @Override
                public UserCodeClassLoader getUserCodeClassLoader() {
                    return SimpleUserCodeClassLoader.create(JsonLinesFormat.class.getClassLoader());
                }
            };

    private final RowType type;
    private final Parsing parsing;

    private JsonLinesFormat(RowType type, Parsing parsing) {
        this.type = type;
        this.parsing = parsing;
    }

    /** Gives a line that is no row as a reject. */
    public static JsonLinesFormat rejecting(TextRows rows) {
        return new JsonLinesFormat(rows.type(), () -> {
            JsonRow json = new JsonRow(rows);
            return (line, path, offset) -> {
                try {
                    return rows.complete(json.parse(line));
                } catch (FailureException e) {
                    return rows.reject(e, path, offset, line);
                }
            };
        });
    }

    /** Fails at a line that is no row to {@code schema}. */
    static JsonLinesFormat strict(RowType type, DeserializationSchema<RowData> schema) {
        return new JsonLinesFormat(type, () -> {
            schema.open(CONTEXT);
            return (line, path, offset) -> schema.deserialize(line);
        });
    }

    /** Makes what one reader parses with. */
    private interface Parsing extends Serializable {
        Parser open() throws Exception;
    }

    private interface Parser {
        RowData row(byte[] line, Path path, long offset) throws IOException;
    }

    @Override
    public BulkFormat.Reader<RowData> createReader(Configuration config, FileSourceSplit split) throws IOException {
        return open(split, new CheckpointedPosition(0, 0));
    }

    @Override
    public BulkFormat.Reader<RowData> restoreReader(Configuration config, FileSourceSplit split) throws IOException {
        return open(split, split.getReaderPosition().orElse(new CheckpointedPosition(0, 0)));
    }

    private Reader open(FileSourceSplit split, CheckpointedPosition position) throws IOException {
        Reader reader = new Reader(split.path(), position.getOffset(), parser());
        for (long i = 0; i < position.getRecordsAfterOffset(); i++) {
            reader.next();
        }
        return reader;
    }

    private Parser parser() throws IOException {
        try {
            return parsing.open();
        } catch (IOException | RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException(e);
        }
    }

    @Override
    public boolean isSplittable() {
        return false;
    }

    @Override
    public TypeInformation<RowData> getProducedType() {
        return InternalTypeInfo.of(type);
    }

    private final class Reader implements BulkFormat.Reader<RowData> {
        private final Path path;
        private final Lines lines;
        private final Parser parser;

        Reader(Path path, long offset, Parser parser) throws IOException {
            this.path = path;
            this.parser = parser;
            lines = new Lines(path, offset);
        }

        @Override
        @Nullable
        public BulkFormat.RecordIterator<RowData> readBatch() throws IOException {
            long offset = lines.offset();
            RowData[] batch = new RowData[BATCH_ROWS];
            int n = 0;
            for (RowData row = next(); row != null; row = n < BATCH_ROWS ? next() : null) {
                batch[n++] = row;
            }
            if (n == 0) {
                return null;
            }
            ArrayResultIterator<RowData> iterator = new ArrayResultIterator<>();
            iterator.set(batch, n, offset, 0);
            return iterator;
        }

        @Nullable
        RowData next() throws IOException {
            long offset = lines.offset();
            byte[] line = lines.next();
            while (line != null && isBlank(line)) {
                offset = lines.offset();
                line = lines.next();
            }
            return line == null ? null : parser.row(line, path, offset);
        }

        private static boolean isBlank(byte[] line) {
            for (byte b : line) {
                if (b != ' ' && (b < '\t' || b > '\r')) {
                    return false;
                }
            }
            return true;
        }

        @Override
        public void close() throws IOException {
            lines.close();
        }
    }
}
