package org.dlonflink.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.types.logical.RowType;
import org.junit.jupiter.api.Test;

class ArrowDecoderTest {
    private static final int SEEDS = 200;

    @Test
    void readsWhatTheEncoderWritesAndWhatArrowWrites() throws CorruptFrameException {
        for (long seed = 0; seed < SEEDS; seed++) {
            RandomRows random = new RandomRows(seed);
            RowType type = random.type(3);
            ArrowDecoder decoder = new ArrowDecoder(type);
            List<List<Object>> expected = new ArrayList<>();
            List<byte[]> batches = new ArrayList<>();
            for (int size : new int[] {0, 1, 20, 8, 33}) {
                List<GenericRowData> rows = random.rows(type, size);
                rows.forEach(row -> expected.add(Plain.row(row, type)));
                batches.add(batch(type, rows));
            }
            byte[] stream = Oracle.stream(ArrowSchema.message(type), batches);
            assertThat(decode(decoder, type, batches))
                    .as("seed %d, %s", seed, type)
                    .isEqualTo(expected);
            assertThat(decode(decoder, type, Oracle.rewritten(stream)))
                    .as("seed %d, %s", seed, type)
                    .isEqualTo(expected);
        }
    }

    @Test
    void aBatchOfOtherColumnsIsRefused() {
        RowType one = ArrowSchemaTest.rowOf("BIGINT");
        byte[] message = batch(one, List.of(GenericRowData.of(1L)));
        assertThatThrownBy(() -> new ArrowDecoder(ArrowSchemaTest.rowOf("INT", "INT")).load(ByteBuffer.wrap(message)))
                .isInstanceOf(CorruptFrameException.class)
                .hasMessage("record batch: 1 fields where the schema has 2");
        assertThatThrownBy(() -> new ArrowDecoder(ArrowSchemaTest.rowOf("STRING")).load(ByteBuffer.wrap(message)))
                .hasMessage("record batch: 2 buffers where the schema has 3");
        assertThatThrownBy(
                        () -> new ArrowDecoder(ArrowSchemaTest.rowOf("DECIMAL(38, 0)")).load(ByteBuffer.wrap(message)))
                .hasMessage("record batch: column c: buffer of 8 bytes where 16 are needed");
        byte[] schema = ArrowSchema.message(one);
        assertThatThrownBy(() -> new ArrowDecoder(one).load(ByteBuffer.wrap(schema)))
                .hasMessage("record batch: message of kind 1");
    }

    @Test
    void valuesOutsideOfTheTypeAreRefused() {
        RowType wide = ArrowSchemaTest.rowOf("DECIMAL(5, 0)");
        byte[] decimal = batch(wide, List.of(GenericRowData.of(DecimalData.fromUnscaledLong(12345, 5, 0))));
        refusesRow("DECIMAL(4, 0)", decimal, "column c: 12345 has more than 4 digits");
        byte[] day = batch(ArrowSchemaTest.rowOf("INT"), List.of(GenericRowData.of(86_400_000)));
        refusesRow("TIME(0)", day, "column c: 86400000 ms is no time of day");
        byte[] late = batch(ArrowSchemaTest.rowOf("BIGINT"), List.of(GenericRowData.of(Long.MAX_VALUE)));
        refusesRow("TIMESTAMP(0)", late, "column c: long overflow");
    }

    @Test
    void nullsInANotNullColumnAreRefused() {
        byte[] message = batch(ArrowSchemaTest.rowOf("INT"), List.of(GenericRowData.of((Object) null)));
        assertThatThrownBy(() -> new ArrowDecoder(ArrowSchemaTest.rowOf("INT NOT NULL")).load(ByteBuffer.wrap(message)))
                .hasMessage("record batch: column c: nulls in a NOT NULL column");
    }

    @Test
    void readsFromAPartOfADirectBuffer() throws CorruptFrameException {
        RowType type = ArrowSchemaTest.rowOf("STRING", "ARRAY<FLOAT>");
        GenericArrayData scores = new GenericArrayData(new Float[] {1f, null});
        byte[] message = batch(type, List.of(GenericRowData.of(StringData.fromString("k"), scores)));
        ByteBuffer frame = ByteBuffer.allocateDirect(message.length + 20).order(ByteOrder.LITTLE_ENDIAN);
        frame.put(8, message).position(8).limit(8 + message.length);
        ArrowDecoder decoder = new ArrowDecoder(type);
        assertThat(decoder.load(frame)).isEqualTo(1);
        RowData row = decoder.row(0);
        assertThat(row.getString(0)).hasToString("k");
        assertThat(row.getArray(1)).isEqualTo(scores);
        assertThatThrownBy(() -> decoder.row(1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    /** Under a null ROW anything may stand: pyarrow writes nulls there. */
    @Test
    void nullsInsideAreRefusedWhereTheyAreRead() throws CorruptFrameException {
        RowType loose = ArrowSchemaTest.rowOf("ROW<a ROW<b INT>>");
        ArrowDecoder strict = new ArrowDecoder(ArrowSchemaTest.rowOf("ROW<a ROW<b INT NOT NULL>>"));
        strict.load(ByteBuffer.wrap(batch(loose, List.of(GenericRowData.of(GenericRowData.of((Object) null))))));
        assertThat(strict.row(0).getRow(0, 1).isNullAt(0)).isTrue();
        GenericRowData bad = GenericRowData.of(GenericRowData.of(GenericRowData.of((Object) null)));
        strict.load(ByteBuffer.wrap(batch(loose, List.of(bad))));
        assertThatThrownBy(() -> strict.row(0))
                .isInstanceOf(CorruptFrameException.class)
                .hasMessage("record batch: column c.a.b: a null in a NOT NULL column");
    }

    @Test
    void arraysAreOfTheirElementsOwnClass() throws CorruptFrameException {
        RowType type = ArrowSchemaTest.rowOf("ARRAY<INT>", "ARRAY<FLOAT NOT NULL>", "ARRAY<BOOLEAN>");
        ArrowDecoder decoder = new ArrowDecoder(type);
        decoder.load(ByteBuffer.wrap(batch(
                type,
                List.of(GenericRowData.of(
                        new GenericArrayData(new int[] {1, 2}),
                        new GenericArrayData(new float[] {.5f}),
                        new GenericArrayData(new boolean[] {true}))))));
        RowData row = decoder.row(0);
        assertThat(row.getArray(0).toIntArray()).containsExactly(1, 2);
        assertThat(row.getArray(1).toFloatArray()).containsExactly(.5f);
        assertThat(row.getArray(2).toBooleanArray()).containsExactly(true);
    }

    @Test
    void intervalsOfMonthsHaveMonthsAlone() {
        RowType type = ArrowSchemaTest.rowOf("INTERVAL YEAR TO MONTH");
        byte[] message = batch(type, List.of(GenericRowData.of(14)));
        int body = message.length - 16;
        assertThat(ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN).getInt(body))
                .isEqualTo(14);
        message[body + 4] = 3;
        refusesRow("INTERVAL YEAR TO MONTH", message, "column c: 3 days and 0 ns in an interval of years and months");
    }

    @Test
    void whatIsNoVariantIsRefused() {
        byte[] message = batch(
                ArrowSchemaTest.rowOf("ROW<metadata BYTES NOT NULL, `value` BYTES NOT NULL>"),
                List.of(GenericRowData.of(GenericRowData.of(new byte[] {2}, new byte[0]))));
        refusesRow("VARIANT", message, "column c: a VARIANT that is none");
    }

    @Test
    void countsWithoutBytesAreBounded() {
        byte[] message = batch(ArrowSchemaTest.rowOf("NULL"), List.of(GenericRowData.of((Object) null)));
        ByteBuffer words = ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at + 8 <= message.length; at += 4) {
            if (words.getLong(at) == 1L) {
                words.putLong(at, 1L << 30); // the rows, the slots and the nulls
            }
        }
        assertThatThrownBy(() -> new ArrowDecoder(ArrowSchemaTest.rowOf("NULL")).load(words))
                .hasMessage("record batch: column c: 1073741824 values of no bytes");
    }

    private static void refusesRow(String type, byte[] message, String reason) {
        ArrowDecoder decoder = new ArrowDecoder(ArrowSchemaTest.rowOf(type));
        assertThatThrownBy(() -> {
                    decoder.load(ByteBuffer.wrap(message));
                    decoder.row(0);
                })
                .isInstanceOf(CorruptFrameException.class)
                .hasMessage("record batch: " + reason);
    }

    private static byte[] batch(RowType type, List<GenericRowData> rows) {
        ArrowEncoder encoder = new ArrowEncoder(type, Integer.MAX_VALUE);
        rows.forEach(encoder::write);
        return ArrowEncoderTest.finish(encoder);
    }

    private static List<List<Object>> decode(ArrowDecoder decoder, RowType type, List<byte[]> batches)
            throws CorruptFrameException {
        List<List<Object>> rows = new ArrayList<>();
        for (byte[] batch : batches) {
            int count = decoder.load(ByteBuffer.wrap(batch));
            for (int i = 0; i < count; i++) {
                rows.add(Plain.row(decoder.row(i), type));
            }
        }
        return rows;
    }
}
