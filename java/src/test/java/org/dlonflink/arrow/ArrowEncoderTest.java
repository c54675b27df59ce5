package org.dlonflink.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.flink.core.memory.MemorySegment;
import org.apache.flink.core.memory.MemorySegmentFactory;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericMapData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.apache.flink.table.runtime.typeutils.RowDataSerializer;
import org.apache.flink.table.types.logical.RowType;
import org.junit.jupiter.api.Test;

class ArrowEncoderTest {
    private static final int SEEDS = 300;

    @Test
    void arrowReadsWhatWasWritten() {
        for (long seed = 0; seed < SEEDS; seed++) {
            RandomRows random = new RandomRows(seed);
            RowType type = random.type(3);
            ArrowEncoder encoder = new ArrowEncoder(type, 100);
            RowDataSerializer binary = RandomRows.hasBinaryForm(type) ? new RowDataSerializer(type) : null;
            List<byte[]> batches = new ArrayList<>();
            List<List<Object>> expected = new ArrayList<>();
            for (int size : new int[] {0, 1, 7, 8, 9, 100, 0, 33}) {
                List<GenericRowData> rows = random.rows(type, size);
                boolean asBinary = binary != null && size % 2 == 1;
                rows.forEach(row -> expected.add(Plain.row(row, type)));
                rows.forEach(row -> encoder.write(asBinary ? binary.toBinaryRow(row) : row));
                batches.add(finish(encoder));
            }
            byte[] stream = Oracle.stream(ArrowSchema.message(type), batches);
            assertThat(Oracle.rows(stream)).as("seed %d, %s", seed, type).isEqualTo(expected);
        }
    }

    @Test
    void fullAtItsRowsAndBeginsAnew() {
        ArrowEncoder encoder = new ArrowEncoder(ArrowSchemaTest.rowOf("BIGINT", "STRING"), 2);
        RowData row = GenericRowData.of(1L, StringData.fromString("abcd"));
        assertThat(encoder.write(row)).isFalse();
        assertThat(encoder.rows()).isEqualTo(1);
        assertThat(encoder.bytes()).isEqualTo(8 + 4 + 4);
        assertThat(encoder.write(row)).isTrue();
        finish(encoder);
        assertThat(encoder.rows()).isZero();
        assertThat(encoder.bytes()).isZero();
        assertThat(encoder.write(row)).isFalse();
    }

    @Test
    void countsTheBytesOfNestedValues() {
        ArrowEncoder encoder =
                new ArrowEncoder(ArrowSchemaTest.rowOf("ARRAY<ROW<a INT, b STRING>>", "MAP<INT, INT>"), 9);
        GenericRowData element = GenericRowData.of(1, StringData.fromString("xyz"));
        encoder.write(GenericRowData.of(
                new GenericArrayData(new Object[] {element, null}),
                new GenericMapData(Collections.singletonMap(1, 2))));
        assertThat(encoder.bytes()).isEqualTo(4 + (4 + 4 + 3) + (4 + 4) + 4 + (4 + 4));
    }

    @Test
    void keepsNothingOfARowThatIsUsedAgain() {
        RowType type = ArrowSchemaTest.rowOf("STRING", "BYTES");
        ArrowEncoder encoder = new ArrowEncoder(type, 9);
        byte[] bytes = {1, 2};
        GenericRowData row = GenericRowData.of(StringData.fromString("one"), bytes);
        encoder.write(row);
        bytes[0] = 9;
        row.setField(0, StringData.fromString("two"));
        encoder.write(row);
        assertThat(Oracle.rows(Oracle.stream(ArrowSchema.message(type), List.of(finish(encoder)))))
                .containsExactly(List.of("one", "0102"), List.of("two", "0902"));
    }

    @Test
    void readsStringsFromAnyMemory() {
        byte[] text = "ein Straßenzug, 東京".getBytes(StandardCharsets.UTF_8);
        RowType type = ArrowSchemaTest.rowOf("STRING");
        ArrowEncoder encoder = new ArrowEncoder(type, 9);
        MemorySegment[] small = new MemorySegment[8];
        for (int i = 0; i < small.length; i++) {
            small[i] = MemorySegmentFactory.allocateUnpooledSegment(5);
        }
        for (int i = 0; i < text.length; i++) {
            small[(i + 7) / 5].put((i + 7) % 5, text[i]);
        }
        MemorySegment direct = MemorySegmentFactory.allocateUnpooledOffHeapMemory(64);
        direct.put(3, text);
        encoder.write(GenericRowData.of(BinaryStringData.fromAddress(small, 7, text.length)));
        encoder.write(GenericRowData.of(BinaryStringData.fromAddress(new MemorySegment[] {direct}, 3, text.length)));
        encoder.write(GenericRowData.of(StringData.fromBytes(text, 0, text.length)));
        List<Object> expected = List.of(new String(text, StandardCharsets.UTF_8));
        assertThat(Oracle.rows(Oracle.stream(ArrowSchema.message(type), List.of(finish(encoder)))))
                .containsExactly(expected, expected, expected);
    }

    @Test
    void writesBehindAHeaderAndGrowsTheBuffer() {
        RowType type = ArrowSchemaTest.rowOf("STRING");
        ArrowEncoder encoder = new ArrowEncoder(type, 9);
        ByteBuffer header = ByteBuffer.allocateDirect(16).putLong(42L);
        StringData text = StringData.fromString("y".repeat(5_000));
        encoder.write(GenericRowData.of(text));
        ByteBuffer grown = encoder.finish(header);
        assertThat(grown).isNotSameAs(header);
        assertThat(grown.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
        grown.flip();
        assertThat(grown.order(ByteOrder.BIG_ENDIAN).getLong()).isEqualTo(42L);
        assertThat(Oracle.rows(Oracle.stream(ArrowSchema.message(type), List.of(Oracle.bytes(grown)))))
                .containsExactly(List.of(text.toString()));
        encoder.write(GenericRowData.of(text));
        ByteBuffer kept = grown.clear().position(8);
        assertThat(encoder.finish(kept)).isSameAs(kept);
    }

    @Test
    void sameRowsGiveSameBytes() {
        RandomRows random = new RandomRows(5);
        RowType type = random.type(3);
        List<GenericRowData> rows = random.rows(type, 50);
        ArrowEncoder encoder = new ArrowEncoder(type, 100);
        rows.forEach(encoder::write);
        byte[] first = finish(encoder);
        random.rows(type, 99).forEach(encoder::write);
        finish(encoder);
        rows.forEach(encoder::write);
        assertThat(finish(encoder)).isEqualTo(first);
        assertThat(first.length % 8).isZero();
    }

    @Test
    void refusesValuesThatArrowCannotHold() {
        refuses(
                "MAP<STRING NOT NULL, INT>",
                new GenericMapData(Collections.singletonMap(null, 1)),
                "column c.key: a value is null");
        refuses("ARRAY<INT NOT NULL>", new GenericArrayData(new Object[] {null}), "column c.item: a value is null");
        TimestampData late = TimestampData.fromLocalDateTime(LocalDateTime.of(9999, 12, 31, 0, 0));
        refuses("TIMESTAMP(9)", late, "column c: a value (9999-12-31T00:00) does not fit");
        refuses("DECIMAL(10, 2)", DecimalData.fromUnscaledLong(5, 10, 3), "column c: a value (0.005) has");
        assertThatThrownBy(() -> new ArrowEncoder(ArrowSchemaTest.rowOf("INT"), 0))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aNullRowHidesFieldsThatAreNotNull() {
        RowType type = ArrowSchemaTest.rowOf("ROW<a INT NOT NULL, b ARRAY<INT> NOT NULL, c ROW<d STRING NOT NULL>>");
        ArrowEncoder encoder = new ArrowEncoder(type, 9);
        encoder.write(GenericRowData.of((Object) null));
        GenericArrayData array = new GenericArrayData(new int[] {1});
        encoder.write(GenericRowData.of(GenericRowData.of(7, array, null)));
        assertThat(Oracle.rows(Oracle.stream(ArrowSchema.message(type), List.of(finish(encoder)))))
                .containsExactly(Collections.singletonList(null), List.of(Arrays.<Object>asList(7, List.of(1), null)));
    }

    private static void refuses(String type, Object value, String message) {
        ArrowEncoder encoder = new ArrowEncoder(ArrowSchemaTest.rowOf(type), 9);
        assertThatThrownBy(() -> encoder.write(GenericRowData.of(value)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message)
                .hasMessageContaining("source.query");
    }

    static byte[] finish(ArrowEncoder encoder) {
        return Oracle.bytes(encoder.finish(ByteBuffer.allocate(0)).flip());
    }
}
