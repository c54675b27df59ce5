package org.dlonflink.rejects;

import java.util.Set;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.table.factories.BulkReaderFormatFactory;
import org.apache.flink.connector.file.table.format.BulkDecodingFormat;
import org.apache.flink.formats.json.JsonFormatFactory;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.Projection;
import org.apache.flink.table.connector.format.DecodingFormat;
import org.apache.flink.table.connector.format.ProjectableDecodingFormat;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DynamicTableFactory;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;

/** The format {@code dlonflink-json} of Flink's filesystem connector: Flink's json, read by {@link JsonLinesFormat}. */
@Internal
public final class JsonLinesFormatFactory implements BulkReaderFormatFactory {
    @Override
    public String factoryIdentifier() {
        return "dlonflink-json";
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
        // With its defaults: TIMESTAMP as SQL writes it, fields may be missing, and a line that is no row fails.
        return new Decoding(new JsonFormatFactory().createDecodingFormat(context, new Configuration()));
    }

    private record Decoding(DecodingFormat<DeserializationSchema<RowData>> json)
            implements BulkDecodingFormat<RowData>, ProjectableDecodingFormat<BulkFormat<RowData, FileSourceSplit>> {

        @Override
        public BulkFormat<RowData, FileSourceSplit> createRuntimeDecoder(
                DynamicTableSource.Context context, DataType table, int[][] projections) {
            DeserializationSchema<RowData> schema = ((ProjectableDecodingFormat<DeserializationSchema<RowData>>) json)
                    .createRuntimeDecoder(context, table, projections);
            return JsonLinesFormat.strict(
                    (RowType) Projection.of(projections).project(table).getLogicalType(), schema);
        }

        @Override
        public ChangelogMode getChangelogMode() {
            return ChangelogMode.insertOnly();
        }
    }
}
