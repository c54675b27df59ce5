package org.dlonflink.main;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.dlonflink.csv.CsvFormat;
import org.dlonflink.plan.Plan;
import org.dlonflink.rejects.JsonLinesFormat;
import org.dlonflink.rejects.RejectSplit;
import org.dlonflink.rejects.Rejects;
import org.dlonflink.rejects.TextRows;

/**
 * Text whose bad rows are kept: good rows are the view {@code source}. A table could not give both; and what stands
 * between it and the split, the planner might move.
 */
final class TextSource {
    private static final String VIEW = "source";
    private static final String READER = "dlonflink-text";
    private static final String SPLIT = "dlonflink-good-rows";

    private TextSource() {}

    /** Makes the view; gives the rejects. */
    static DataStream<RowData> define(
            StreamExecutionEnvironment environment, StreamTableEnvironment tables, Plan.Rejects rejects, String run) {
        Plan.TextFiles text = rejects.text();
        RowType all = rowType(text.columns());
        List<RowType.RowField> fields = all.getFields().stream()
                .filter(f -> text.read().contains(f.getName()))
                .toList();
        RowType read = new RowType(fields);
        int time = text.eventTime() == null
                ? -1
                : read.getFieldIndex(text.eventTime().column());
        TextRows rows = new TextRows(read, time);
        BulkFormat<RowData, FileSourceSplit> format = text.format().equals("csv")
                ? new CsvFormat(all, rows, text.header(), text.nullLiteral())
                : JsonLinesFormat.rejecting(rows);
        Path[] paths = text.paths().stream().map(Path::new).toArray(Path[]::new);
        SingleOutputStreamOperator<RowData> good = environment
                .fromSource(
                        FileSource.forBulkFileFormat(format, paths).build(),
                        WatermarkStrategy.noWatermarks(),
                        READER,
                        InternalTypeInfo.of(rows.type()))
                .uid(READER)
                .process(new RejectSplit(rejects.bound(), run, read.getFieldCount()), InternalTypeInfo.of(read))
                .name(SPLIT)
                .uid(SPLIT)
                // One, however many read: the share is that of the stream, and a reader that is done keeps no counts.
                .setParallelism(1);
        Schema.Builder schema = Schema.newBuilder();
        if (time >= 0) {
            schema.watermark(text.eventTime().column(), text.eventTime().watermark());
        }
        tables.createTemporaryView(VIEW, tables.fromDataStream(good, schema.build()));
        return good.getSideOutput(Rejects.TAG);
    }

    private static RowType rowType(List<Plan.Column> columns) {
        List<RowType.RowField> fields = new ArrayList<>();
        for (Plan.Column column : columns) {
            fields.add(new RowType.RowField(
                    column.name(), LogicalTypeParser.parse(column.type(), TextSource.class.getClassLoader())));
        }
        return new RowType(fields);
    }
}
