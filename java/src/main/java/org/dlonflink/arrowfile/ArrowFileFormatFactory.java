package org.dlonflink.arrowfile;

import java.util.Set;
import org.apache.flink.annotation.Internal;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.table.factories.BulkReaderFormatFactory;
import org.apache.flink.connector.file.table.format.BulkDecodingFormat;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DynamicTableFactory;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.RowType;

/**
 * The format {@code dlonflink-arrow} of Flink's filesystem connector, for tables of one column of BYTES: each record
 * batch of an Arrow IPC file or stream is one row, unopened.
 */
@Internal
public final class ArrowFileFormatFactory implements BulkReaderFormatFactory {
    static final String IDENTIFIER = "dlonflink-arrow";

    @Override
    public String factoryIdentifier() {
        return IDENTIFIER;
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
    public BulkDecodingFormat<RowData> createDecodingFormat(
            DynamicTableFactory.Context context, ReadableConfig options) {
        return new Decoding();
    }

    private record Decoding() implements BulkDecodingFormat<RowData> {
        @Override
        public BulkFormat<RowData, FileSourceSplit> createRuntimeDecoder(
                DynamicTableSource.Context context, DataType table) {
            RowType type = (RowType) table.getLogicalType();
            if (type.getFieldCount() != 1 || !type.getTypeAt(0).is(LogicalTypeRoot.VARBINARY)) {
                throw new ValidationException("a table of format '" + IDENTIFIER
                        + "' has one column of BYTES, which takes whole record batches; got " + type.asSummaryString());
            }
            return new ArrowFileFormat(type);
        }

        @Override
        public ChangelogMode getChangelogMode() {
            return ChangelogMode.insertOnly();
        }
    }
}
