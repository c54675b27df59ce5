package org.dlonflink.arrowfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.src.util.CheckpointedPosition;
import org.apache.flink.connector.file.src.util.RecordAndPosition;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.VarBinaryType;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The format by itself: the golden file's values, positions, damage. */
class ArrowFileTest {
    private static final Path GOLDEN = Path.of("../contract/golden");
    private static final byte[] END = {-1, -1, -1, -1, 0, 0, 0, 0};

    @TempDir
    private Path directory;

    private record Value(byte[] bytes, CheckpointedPosition after) {}

    private static byte[] golden() throws IOException {
        return Files.readAllBytes(GOLDEN.resolve("values.arrow"));
    }

    private static JsonNode expected() throws IOException {
        return Json.parseObject(Files.readString(GOLDEN.resolve("values.json")));
    }

    /** What stands in the file format around a stream; its footer is not read. */
    private static byte[] asFile(byte[] stream) {
        return ByteBuffer.allocate(stream.length + 24)
                .put("ARROW1\0\0".getBytes(StandardCharsets.US_ASCII))
                .put(stream)
                .put("a footer..".getBytes(StandardCharsets.US_ASCII))
                .put("ARROW1".getBytes(StandardCharsets.US_ASCII))
                .array();
    }

    /** The golden file's values, and the byte behind each of their batches, {@code shift} bytes further in. */
    private static void check(List<Value> values, Path file, int shift, int from) throws IOException {
        byte[] data = golden();
        JsonNode golden = expected();
        assertThat(values).hasSize(golden.get("values").size() - from);
        for (int i = 0; i < values.size(); i++) {
            ByteArrayOutputStream whole = new ByteArrayOutputStream();
            JsonNode last = null;
            for (JsonNode index : golden.get("values").get(from + i).get("messages")) {
                last = golden.get("messages").get(index.asInt());
                whole.write(
                        data,
                        last.get(0).asInt(),
                        last.get(1).asInt() - last.get(0).asInt());
            }
            whole.write(END);
            String origin = file + ", byte " + String.format("%,d", last.get(0).asInt() + shift);
            whole.write(origin.getBytes(StandardCharsets.UTF_8));
            assertThat(values.get(i).bytes()).isEqualTo(whole.toByteArray());
            assertThat(values.get(i).after())
                    .isEqualTo(new CheckpointedPosition(last.get(1).asInt() + shift, 0));
        }
    }

    @Test
    void makesTheGoldenValues() throws IOException {
        Path stream = Files.write(directory.resolve("a.arrows"), golden());
        check(read(stream, null), stream, 0, 0);
        Path file = Files.write(directory.resolve("a.arrow"), asFile(golden()));
        check(read(file, null), file, 8, 0);
    }

    @Test
    void endsWhereAStreamWithoutAMarkEnds() throws IOException {
        byte[] golden = golden();
        Path stream = Files.write(directory.resolve("a"), Arrays.copyOf(golden, golden.length - END.length));
        check(read(stream, null), stream, 0, 0);
    }

    @Test
    void goesOnFromEveryPosition() throws IOException {
        Path file = Files.write(directory.resolve("a.arrow"), asFile(golden()));
        List<Value> all = read(file, null);
        for (int i = 0; i < all.size(); i++) {
            check(read(file, all.get(i).after()), file, 8, i + 1);
        }
    }

    /** Whatever the bytes: whole values, or a failure that names the file and the byte. Nothing large is allocated. */
    @Test
    void isHurtByNoDamage() throws IOException {
        Random random = new Random(7);
        Path file = directory.resolve("a.arrow");
        int refused = 0;
        for (int i = 0; i < 3_000; i++) {
            byte[] bytes = random.nextBoolean() ? golden() : asFile(golden());
            for (int n = random.nextInt(3); n >= 0; n--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            if (random.nextInt(4) == 0) {
                bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
            }
            Files.write(file, bytes);
            try {
                read(file, null);
            } catch (FailureException e) {
                refused++;
                assertThat(e).hasMessageContaining("\"where\":\"" + file + ", byte ");
            }
        }
        assertThat(refused).isGreaterThan(300);
    }

    @Test
    void refusesABatchLargerThanAFrame() throws IOException {
        byte[] golden = golden();
        int batch = expected().get("messages").get(3).get(0).asInt();
        byte[] large = Arrays.copyOf(golden, batch + 8 + 4_000);
        // The body's length is the one place of the metadata that holds this number.
        ByteBuffer bytes = ByteBuffer.wrap(large).order(ByteOrder.LITTLE_ENDIAN);
        int metadata = bytes.getInt(batch + 4);
        long body = expected().get("messages").get(3).get(1).asInt() - batch - 8 - metadata;
        int found = -1;
        for (int at = batch + 8; at < batch + 8 + metadata; at += 8) {
            found = bytes.getLong(at) == body ? at : found;
        }
        bytes.putLong(found, 65L << 20);
        Path file = directory.resolve("large.arrows");
        try (var out = Files.newByteChannel(
                file, java.nio.file.StandardOpenOption.CREATE_NEW, java.nio.file.StandardOpenOption.WRITE)) {
            out.write(ByteBuffer.wrap(large));
            out.position(70L << 20); // a hole
            out.write(ByteBuffer.wrap(END));
        }
        assertThatThrownBy(() -> read(file, null))
                .hasMessageContaining("a record batch is larger than frames may be")
                .hasMessageContaining(file + ", byte " + batch)
                .hasMessageContaining("write the file in smaller batches");
    }

    @Test
    void refusesWhatIsNotArrow() throws IOException {
        Path text = Files.writeString(directory.resolve("a.csv"), "id,text\n1,2\n");
        assertThatThrownBy(() -> read(text, null)).hasMessageContaining("byte 0");
        Path empty = Files.writeString(directory.resolve("empty"), "");
        assertThatThrownBy(() -> read(empty, null)).hasMessageContaining("the file is not Arrow");
    }

    private static List<Value> read(Path file, CheckpointedPosition from) throws IOException {
        LogicalType[] types = {new VarBinaryType(VarBinaryType.MAX_LENGTH)};
        ArrowFileFormat format = new ArrowFileFormat(RowType.of(types, new String[] {"batch"}));
        FileSourceSplit split = new FileSourceSplit(
                "1",
                new org.apache.flink.core.fs.Path(file.toUri()),
                0,
                Files.size(file),
                0,
                Files.size(file),
                new String[0],
                from);
        List<Value> values = new ArrayList<>();
        Configuration none = new Configuration();
        try (BulkFormat.Reader<RowData> reader =
                from == null ? format.createReader(none, split) : format.restoreReader(none, split)) {
            for (var batch = reader.readBatch(); batch != null; batch = reader.readBatch()) {
                RecordAndPosition<RowData> one = batch.next();
                byte[] bytes = one.getRecord().getBinary(0);
                values.add(new Value(bytes, new CheckpointedPosition(one.getOffset(), one.getRecordSkipCount())));
                assertThat(batch.next()).isNull();
                batch.releaseBatch();
            }
        }
        return values;
    }
}
