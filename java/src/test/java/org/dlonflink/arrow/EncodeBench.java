package org.dlonflink.arrow;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.runtime.typeutils.RowDataSerializer;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.VarCharType;

/** Prints rows a second of the encoder alone: 40 BIGINT or 40 short strings, as Java objects or as binary rows. */
final class EncodeBench {
    private static final int COLUMNS = 40;
    private static final int BATCH = 4096;
    private static final int ROUNDS = 6;
    private static final double NANOS = 1e9;

    private EncodeBench() {}

    /** {@code bigint|string generic|binary}: one case a JVM, since a job sees one kind of row too. */
    public static void main(String[] args) {
        LogicalType column = args[0].equals("bigint") ? new BigIntType() : VarCharType.STRING_TYPE;
        measure(args[0], column, args[1].equals("binary"), args[0].equals("bigint") ? 2_500 : 500);
    }

    private static void measure(String name, LogicalType column, boolean binary, int batches) {
        LogicalType[] types = new LogicalType[COLUMNS];
        Arrays.fill(types, column);
        RowType type = RowType.of(types);
        RowData[] rows = rows(type, binary);
        ArrowEncoder encoder = new ArrowEncoder(type, BATCH);
        ByteBuffer message = ByteBuffer.allocateDirect(1 << 20);
        double best = 0;
        for (int round = 0; round < ROUNDS; round++) {
            long start = System.nanoTime();
            for (int batch = 0; batch < batches; batch++) {
                message = encode(encoder, rows, message);
            }
            best = Math.max(best, batches * BATCH * NANOS / (System.nanoTime() - start));
        }
        System.out.printf("40 x %s, %s rows: %.2f M rows/s%n", name, binary ? "binary" : "generic", best / 1e6);
    }

    private static ByteBuffer encode(ArrowEncoder encoder, RowData[] rows, ByteBuffer message) {
        for (RowData row : rows) {
            encoder.write(row);
        }
        return encoder.finish(message.clear());
    }

    private static RowData[] rows(RowType type, boolean binary) {
        Random random = new Random(1);
        RowDataSerializer serializer = new RowDataSerializer(type);
        RowData[] rows = new RowData[BATCH];
        for (int i = 0; i < BATCH; i++) {
            GenericRowData row = new GenericRowData(COLUMNS);
            for (int c = 0; c < COLUMNS; c++) {
                boolean number = type.getTypeAt(c) instanceof BigIntType;
                row.setField(
                        c,
                        number
                                ? (Object) random.nextLong()
                                : StringData.fromString(String.format("%08x", random.nextInt())));
            }
            rows[i] = binary ? serializer.toBinaryRow(row).copy() : row;
        }
        return rows;
    }
}
