package org.dlonflink.rejects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.src.util.CheckpointedPosition;
import org.apache.flink.connector.file.src.util.RecordAndPosition;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.dlonflink.csv.CsvFormat;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rejects of text: those of the golden file that the local runtime is tested with too, and from every position. */
class TextRejectsTest {
    private static final Path GOLDEN =
            Path.of("../contract/golden").toAbsolutePath().normalize();

    @TempDir
    private Path directory;

    private record Reject(String reason, long offset, String bytes) {}

    @ParameterizedTest
    @ValueSource(strings = {"csv", "jsonl"})
    void rejectsWhatTheGoldenFileSays(String kind) throws IOException {
        ObjectNode golden = Json.parseObject(Files.readString(GOLDEN.resolve("rejects.json")));
        List<Reject> wanted = new ArrayList<>();
        for (JsonNode one : golden.path(kind).path("text")) {
            wanted.add(new Reject(
                    one.path("reason").asText(),
                    one.path("offset").asLong(),
                    one.path("bytes").asText()));
        }
        RowType columns = columns(golden);
        BulkFormat<RowData, FileSourceSplit> format = format(kind, columns, columns.getFieldIndex("ts"));
        Path file = GOLDEN.resolve("rejects." + kind);
        List<RecordAndPosition<RowData>> all = read(format, file, new CheckpointedPosition(0, 0));
        assertThat(rejects(all, columns.getFieldCount(), file)).isEqualTo(wanted);
        int good = golden.path(kind).path("good").size()
                + golden.path(kind).path("rows").size();
        assertThat(all).hasSize(wanted.size() + good);
        for (int i = 0; i < all.size(); i++) {
            assertThat(read(format, file, after(all.get(i)))).hasSize(all.size() - i - 1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"t.csv", "t.csv.gz", "t.jsonl", "t.jsonl.gz"})
    void readsOnFromEveryPositionOfALargeFile(String name) throws IOException {
        boolean csv = name.contains("csv");
        String[] good = csv
                ? new String[] {"%d,plain", "%d,\"quoted, \"\"twice\"\"\nand on\""}
                : new String[] {"{\"id\": %d, \"text\": \"plain\"}", "{\"text\": null, \"id\": %d}"};
        String[] bad = csv
                ? new String[] {"%d", "x%d,a", "%d,\"a\nb\"c", "%d,a\rb", "%d,\"\"\"\",more"}
                : new String[] {"%d", "{\"id\": \"%d\"}", "{\"id\": %d", "{\"id\": %d.5}", "\"%d\""};
        Random random = new Random(5);
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        text.writeBytes((csv ? "id,text\n" : "").getBytes(StandardCharsets.UTF_8));
        List<Reject> wanted = new ArrayList<>();
        List<Boolean> isGood = new ArrayList<>();
        for (int i = 0; i < 20_000; i++) {
            boolean fine = random.nextInt(4) > 0;
            String[] choice = fine ? good : bad;
            byte[] record =
                    String.format(choice[random.nextInt(choice.length)], i).getBytes(StandardCharsets.UTF_8);
            isGood.add(fine);
            if (!fine) {
                wanted.add(new Reject("parse", text.size(), HexFormat.of().formatHex(record)));
            }
            text.writeBytes(record);
            text.writeBytes((random.nextBoolean() ? "\n" : "\r\n").getBytes(StandardCharsets.UTF_8));
        }
        Path file = directory.resolve(name);
        try (var out = name.endsWith(".gz")
                ? new GZIPOutputStream(Files.newOutputStream(file))
                : Files.newOutputStream(file)) {
            text.writeTo(out);
        }
        RowType columns = (RowType) LogicalTypeParser.parse(
                "ROW<id BIGINT, text STRING>", getClass().getClassLoader());
        BulkFormat<RowData, FileSourceSplit> format = format(csv ? "csv" : "jsonl", columns, -1);
        List<RecordAndPosition<RowData>> all = read(format, file, new CheckpointedPosition(0, 0));
        assertThat(all.stream().map(r -> r.getRecord().isNullAt(2)).toList()).isEqualTo(isGood);
        assertThat(rejects(all, 2, file)).isEqualTo(wanted);
        for (int i = 0; i < 20; i++) {
            int at = random.nextInt(all.size());
            List<RecordAndPosition<RowData>> rest = read(format, file, after(all.get(at)));
            assertThat(rejects(rest, 2, file)).isEqualTo(rejects(all.subList(at + 1, all.size()), 2, file));
        }
    }

    @Test
    void keepsTheBeginningOfWhatHasNoEnd() throws IOException {
        Path file = Files.writeString(directory.resolve("t.csv"), "id,text\n1,a\n2,\"" + "b,\n".repeat(60_000));
        RowType columns = (RowType) LogicalTypeParser.parse(
                "ROW<id BIGINT, text STRING>", getClass().getClassLoader());
        List<RecordAndPosition<RowData>> all = read(format("csv", columns, -1), file, new CheckpointedPosition(0, 0));
        assertThat(all).hasSize(2);
        RowData reject = all.get(1).getRecord().getRow(2, 4);
        assertThat(reject.getBinary(3)).hasSize(1 << 16);
        assertThat(reject.getString(1).toString())
                .contains("a closing quote")
                .endsWith("the first 65536 of 180002 bytes are kept");
    }

    @Test
    void failsAtARecordBehindWhichNothingCanBeTold() throws IOException {
        Path file = Files.writeString(directory.resolve("t.csv"), "id,text\n1,\"" + "b\n".repeat(1 << 26));
        RowType columns = (RowType) LogicalTypeParser.parse(
                "ROW<id BIGINT, text STRING>", getClass().getClassLoader());
        assertThatThrownBy(() -> read(format("csv", columns, -1), file, new CheckpointedPosition(0, 0)))
                .isInstanceOf(FailureException.class)
                .hasMessageContaining("with every quote closed");
    }

    private static RowType columns(ObjectNode golden) {
        List<String> fields = new ArrayList<>();
        golden.path("columns")
                .fields()
                .forEachRemaining(
                        f -> fields.add("`" + f.getKey() + "` " + f.getValue().asText()));
        return (RowType) LogicalTypeParser.parse(
                "ROW<" + String.join(", ", fields) + ">", TextRejectsTest.class.getClassLoader());
    }

    private static BulkFormat<RowData, FileSourceSplit> format(String kind, RowType columns, int eventTime) {
        TextRows rows = new TextRows(columns, eventTime);
        return kind.equals("csv") ? new CsvFormat(columns, rows, true, "") : JsonLinesFormat.rejecting(rows);
    }

    private static CheckpointedPosition after(RecordAndPosition<RowData> row) {
        return new CheckpointedPosition(row.getOffset(), row.getRecordSkipCount());
    }

    private static List<Reject> rejects(List<RecordAndPosition<RowData>> rows, int columns, Path file) {
        List<Reject> rejects = new ArrayList<>();
        for (RecordAndPosition<RowData> row : rows) {
            if (!row.getRecord().isNullAt(columns)) {
                RowData reject = row.getRecord().getRow(columns, 4);
                String place = reject.getString(2).toString();
                assertThat(place).startsWith(file + ":");
                rejects.add(new Reject(
                        reject.getString(0).toString(),
                        Long.parseLong(place.substring(place.lastIndexOf(':') + 1)),
                        HexFormat.of().formatHex(reject.getBinary(3))));
            }
        }
        return rejects;
    }

    private static List<RecordAndPosition<RowData>> read(
            BulkFormat<RowData, FileSourceSplit> format, Path file, CheckpointedPosition from) throws IOException {
        long size = Files.size(file);
        FileSourceSplit split = new FileSourceSplit(
                "1", new org.apache.flink.core.fs.Path(file.toUri()), 0, size, 0, size, new String[0], from);
        List<RecordAndPosition<RowData>> rows = new ArrayList<>();
        try (BulkFormat.Reader<RowData> reader = format.restoreReader(new Configuration(), split)) {
            for (var batch = reader.readBatch(); batch != null; batch = reader.readBatch()) {
                for (var row = batch.next(); row != null; row = batch.next()) {
                    rows.add(new RecordAndPosition<>(row.getRecord(), row.getOffset(), row.getRecordSkipCount()));
                }
            }
        }
        return rows;
    }
}
