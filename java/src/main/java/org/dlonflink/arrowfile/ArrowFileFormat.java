package org.dlonflink.arrowfile;

import java.io.IOException;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.src.util.CheckpointedPosition;
import org.apache.flink.connector.file.src.util.SingletonResultIterator;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;

/**
 * One record batch is one row. Its position is the byte behind it, where a restore goes on. Files are not split: where a
 * message begins cannot be told from the middle of another.
 */
@Internal
final class ArrowFileFormat implements BulkFormat<RowData, FileSourceSplit> {
    private static final long serialVersionUID = 1L;

    private final RowType produced;

    ArrowFileFormat(RowType produced) {
        this.produced = produced;
    }

    @Override
    public Reader<RowData> createReader(Configuration config, FileSourceSplit split) throws IOException {
        return new Batches(ArrowFile.open(split.path()));
    }

    @Override
    public Reader<RowData> restoreReader(Configuration config, FileSourceSplit split) throws IOException {
        ArrowFile file = ArrowFile.open(split.path());
        try {
            long offset = split.getReaderPosition()
                    .map(CheckpointedPosition::getOffset)
                    .orElse(CheckpointedPosition.NO_OFFSET);
            if (offset != CheckpointedPosition.NO_OFFSET) {
                file.goTo(offset);
            }
            return new Batches(file);
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    @Override
    public boolean isSplittable() {
        return false;
    }

    @Override
    public TypeInformation<RowData> getProducedType() {
        return InternalTypeInfo.of(produced);
    }

    private record Batches(ArrowFile file) implements Reader<RowData> {
        @Override
        @Nullable
        public RecordIterator<RowData> readBatch() throws IOException {
            byte[] value = file.next();
            if (value == null) {
                return null;
            }
            SingletonResultIterator<RowData> batch = new SingletonResultIterator<>();
            batch.set(GenericRowData.of((Object) value), file.position(), 0);
            return batch;
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }
}
