package org.dlonflink.csv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.src.util.CheckpointedPosition;
import org.apache.flink.connector.file.src.util.RecordAndPosition;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.VarCharType;
import org.dlonflink.failure.FailureException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The format by itself: cutting into fields, positions, refusals. */
class CsvFormatTest {
    private static final String[] PIECES = {"a", "Zürich", ",", "\"", "\n", "\r\n", "\r", " ", "0123456789".repeat(40)};

    @TempDir
    private Path directory;

    /** Two columns: the row's number, and a random text with all that needs quotes; larger than several blocks. */
    private List<String> write(Path file, OutputStream out, int rows, Random random) throws IOException {
        List<String> texts = new ArrayList<>();
        StringBuilder csv = new StringBuilder("\uFEFFid,text\r\n");
        for (int i = 0; i < rows; i++) {
            StringBuilder text = new StringBuilder("x");
            for (int n = random.nextInt(6); n > 0; n--) {
                text.append(PIECES[random.nextInt(PIECES.length)]);
            }
            texts.add(text.toString());
            csv.append(i)
                    .append(",\"")
                    .append(text.toString().replace("\"", "\"\""))
                    .append('"');
            csv.append(random.nextBoolean() ? "\n" : "\r\n").append(random.nextInt(10) == 0 ? "\n" : "");
        }
        out.write(csv.toString().getBytes(StandardCharsets.UTF_8));
        out.close();
        return texts;
    }

    @ParameterizedTest
    @ValueSource(strings = {"t.csv", "t.csv.gz"})
    void readsOnFromEveryPosition(String name) throws IOException {
        Random random = new Random(7);
        Path file = directory.resolve(name);
        OutputStream out = Files.newOutputStream(file);
        List<String> texts = write(file, name.endsWith("gz") ? new GZIPOutputStream(out) : out, 5_000, random);
        List<RecordAndPosition<RowData>> all = read(file, new CheckpointedPosition(0, 0), Integer.MAX_VALUE);
        assertThat(all).hasSize(texts.size());
        for (int i = 0; i < all.size(); i++) {
            assertThat(all.get(i).getRecord().getString(1).toString()).isEqualTo(texts.get(i));
        }
        for (int i = 0; i < 60; i++) {
            int at = i == 0 ? all.size() - 1 : random.nextInt(all.size());
            RecordAndPosition<RowData> before = all.get(at);
            CheckpointedPosition position = new CheckpointedPosition(before.getOffset(), before.getRecordSkipCount());
            List<RecordAndPosition<RowData>> after = read(file, position, 3_000);
            assertThat(after).hasSize(Math.min(3_000, all.size() - at - 1));
            for (int k = 0; k < after.size(); k++) {
                assertThat(after.get(k).getRecord().getLong(0)).isEqualTo(at + 1 + k);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "id,text\n1,\"a\"b\n",
                "id,text\n1,\"a\n",
                "id,text\n1,a\rb\n",
                "id,text\n1\n",
                "id,text\n1,a,b\n",
                "id,text\n1.0,a\n",
                "id,text\n9223372036854775808,a\n",
                "id,text\n-,a\n",
                "id,id\n1,2\n",
                "id\n1\n"
            })
    void refuses(String text) throws IOException {
        Path file = Files.writeString(directory.resolve("t.csv"), text);
        assertThatThrownBy(() -> read(file, new CheckpointedPosition(0, 0), 10))
                .isInstanceOf(FailureException.class)
                .hasMessageContaining(file.toString());
    }

    @Test
    void refusesTextThatIsNotUtf8() throws IOException {
        Path file = Files.write(
                directory.resolve("t.csv"), new byte[] {'i', 'd', ',', 't', 'e', 'x', 't', '\n', '1', ',', -1});
        assertThatThrownBy(() -> read(file, new CheckpointedPosition(0, 0), 10)).hasMessageContaining("UTF-8");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "\n\r\n", "id,text", "\uFEFFid,text\r\n"})
    void readsNothingFromAFileWithoutRows(String text) throws IOException {
        Path file = Files.writeString(directory.resolve("t.csv"), text);
        assertThat(read(file, new CheckpointedPosition(0, 0), 10)).isEmpty();
    }

    private static List<RecordAndPosition<RowData>> read(Path file, CheckpointedPosition from, int most)
            throws IOException {
        LogicalType[] types = {new BigIntType(), VarCharType.STRING_TYPE};
        RowType type = RowType.of(types, new String[] {"id", "text"});
        List<CsvColumn> columns = List.of(new CsvColumn("id", 0, types[0]), new CsvColumn("text", 1, types[1]));
        CsvFormat format = new CsvFormat(columns, 2, true, "", type);
        FileSourceSplit split = new FileSourceSplit(
                "1",
                new org.apache.flink.core.fs.Path(file.toUri()),
                0,
                Files.size(file),
                0,
                Files.size(file),
                new String[0],
                from);
        List<RecordAndPosition<RowData>> rows = new ArrayList<>();
        try (BulkFormat.Reader<RowData> reader = format.restoreReader(new Configuration(), split)) {
            for (var batch = reader.readBatch(); batch != null && rows.size() < most; batch = reader.readBatch()) {
                for (var row = batch.next(); row != null && rows.size() < most; row = batch.next()) {
                    rows.add(new RecordAndPosition<>(row.getRecord(), row.getOffset(), row.getRecordSkipCount()));
                }
            }
        }
        return rows;
    }
}
