package org.dlonflink.rejects;

import java.io.IOException;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.src.util.ArrayResultIterator;
import org.apache.flink.connector.file.src.util.CheckpointedPosition;
import org.apache.flink.core.fs.Path;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.dlonflink.failure.FailureException;

/** Reads JSON lines, and gives one that is no row as a reject; in batches that know the byte they begin at. */
@Internal
public final class JsonLinesFormat implements BulkFormat<RowData, FileSourceSplit> {
    private static final long serialVersionUID = 1L;

    private static final int BATCH_ROWS = 1_024;

    private final TextRows rows;

    public JsonLinesFormat(TextRows rows) {
        this.rows = rows;
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
        Reader reader = new Reader(split.path(), position.getOffset());
        for (long i = 0; i < position.getRecordsAfterOffset(); i++) {
            reader.next();
        }
        return reader;
    }

    @Override
    public boolean isSplittable() {
        return false;
    }

    @Override
    public TypeInformation<RowData> getProducedType() {
        return InternalTypeInfo.of(rows.type());
    }

    private final class Reader implements BulkFormat.Reader<RowData> {
        private final Path path;
        private final Lines lines;
        private final JsonRow json = new JsonRow(rows);

        Reader(Path path, long offset) throws IOException {
            this.path = path;
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
            if (line == null) {
                return null;
            }
            try {
                return rows.complete(json.parse(line));
            } catch (FailureException e) {
                return rows.reject(e, path, offset, line);
            }
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
