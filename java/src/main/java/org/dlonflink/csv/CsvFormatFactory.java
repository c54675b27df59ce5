package org.dlonflink.csv;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.flink.annotation.Internal;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.table.factories.BulkReaderFormatFactory;
import org.apache.flink.connector.file.table.format.BulkDecodingFormat;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.Projection;
import org.apache.flink.table.connector.format.ProjectableDecodingFormat;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DynamicTableFactory;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;

/**
 * The format {@code dlonflink-csv} of Flink's filesystem connector: RFC 4180 in UTF-8, lines ending in LF or CRLF. Its
 * rules are written down in contract/csv.md, for the Python reader keeps them too; Flink's own csv format has no header,
 * and reads a file from its beginning again after every restart.
 */
@Internal
public final class CsvFormatFactory implements BulkReaderFormatFactory {
    static final String IDENTIFIER = "dlonflink-csv";

    private static final ConfigOption<Boolean> HEADER = ConfigOptions.key("header")
            .booleanType()
            .defaultValue(true)
            .withDescription(
                    "The first line of each file names its columns; otherwise they are the table's, in order.");

    private static final ConfigOption<String> NULL_LITERAL = ConfigOptions.key("null-literal")
            .stringType()
            .defaultValue("")
            .withDescription("A field equal to it, quoted or not, is NULL in every column.");

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
        return Set.of(HEADER, NULL_LITERAL);
    }

    @Override
    public Set<ConfigOption<?>> forwardOptions() {
        return optionalOptions();
    }

    @Override
    public BulkDecodingFormat<RowData> createDecodingFormat(
            DynamicTableFactory.Context context, ReadableConfig options) {
        return new Decoding(options.get(HEADER), options.get(NULL_LITERAL));
    }

    private record Decoding(boolean header, String nullLiteral)
            implements BulkDecodingFormat<RowData>, ProjectableDecodingFormat<BulkFormat<RowData, FileSourceSplit>> {

        @Override
        public BulkFormat<RowData, FileSourceSplit> createRuntimeDecoder(
                DynamicTableSource.Context context, DataType table, int[][] projections) {
            RowType all = (RowType) table.getLogicalType();
            int[] wanted = Projection.of(projections).toTopLevelIndexes();
            List<CsvColumn> columns = new ArrayList<>();
            for (int index : wanted) {
                LogicalType type = all.getTypeAt(index);
                columns.add(new CsvColumn(all.getFieldNames().get(index), index, type));
            }
            DataType produced = Projection.of(wanted).project(table);
            return new CsvFormat(
                    columns, all.getFieldCount(), header, nullLiteral, (RowType) produced.getLogicalType());
        }

        @Override
        public ChangelogMode getChangelogMode() {
            return ChangelogMode.insertOnly();
        }
    }
}
