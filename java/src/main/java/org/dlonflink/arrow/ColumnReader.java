package org.dlonflink.arrow;

import java.nio.ByteBuffer;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/** Gives the values of one column of a loaded batch as Flink's internal data. One final class per shape. */
abstract class ColumnReader {
    private final String name;
    private final boolean nullable;
    private ByteBuffer validity;

    ColumnReader(String name, boolean nullable) {
        this.name = name;
        this.nullable = nullable;
    }

    /**
     * The reader of a type.
     *
     * @throws IllegalArgumentException if scored rows do not carry the type
     */
    static ColumnReader of(String name, LogicalType type) {
        boolean nullable = type.isNullable();
        return switch (type.getTypeRoot()) {
            case BOOLEAN -> new BooleanReader(name, nullable);
            case TINYINT -> new FixedWidthReader(name, nullable, Byte.BYTES, ByteBuffer::get);
            case SMALLINT -> new FixedWidthReader(name, nullable, Short.BYTES, ByteBuffer::getShort);
            case INTEGER, DATE -> new FixedWidthReader(name, nullable, Integer.BYTES, ByteBuffer::getInt);
            case TIME_WITHOUT_TIME_ZONE -> new FixedWidthReader(name, nullable, Integer.BYTES, FixedWidthReader::time);
            case BIGINT -> new FixedWidthReader(name, nullable, Long.BYTES, ByteBuffer::getLong);
            case FLOAT -> new FixedWidthReader(name, nullable, Float.BYTES, ByteBuffer::getFloat);
            case DOUBLE -> new FixedWidthReader(name, nullable, Double.BYTES, ByteBuffer::getDouble);
            case DECIMAL -> FixedWidthReader.decimal(name, (DecimalType) type);
            case CHAR, VARCHAR -> new VarWidthReader(name, nullable, StringData::fromBytes);
            case BINARY, VARBINARY -> new VarWidthReader(name, nullable, bytes -> bytes);
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE -> {
                TimestampUnit unit = TimestampUnit.ofPrecision(LogicalTypeChecks.getPrecision(type));
                yield new FixedWidthReader(
                        name, nullable, Long.BYTES, (values, at) -> unit.toFlink(values.getLong(at)));
            }
            case ARRAY -> new FloatArrayReader(name, nullable, floatElement(name, (ArrayType) type));
            default -> throw refused(name, type);
        };
    }

    private static LogicalType floatElement(String name, ArrayType type) {
        LogicalType element = type.getElementType();
        if (!element.is(LogicalTypeRoot.FLOAT)) {
            throw refused(name, type);
        }
        return element;
    }

    private static IllegalArgumentException refused(String name, LogicalType type) {
        return new IllegalArgumentException("scored column " + name + ": type " + type.asSummaryString()
                + " does not come back from the worker; scored rows carry scalar types and ARRAY<FLOAT>");
    }

    /** Nodes in a batch: one for the column, one for each child. */
    int nodes() {
        return 1;
    }

    /** Buffers in a batch, the validity bitmap included. */
    abstract int buffers();

    /** Takes this column's part of a batch of so many rows; no read that follows can leave its buffers. */
    final void load(BatchBody body, int rows) throws CorruptFrameException {
        int slots = body.nextNode();
        BatchBody.require(slots == rows, "column " + name + ": " + slots + " values in " + rows + " rows");
        loadSlots(body, slots);
    }

    /** Loads a column, or a child, whose node was just reached. */
    final void loadSlots(BatchBody body, int slots) throws CorruptFrameException {
        int nulls = body.nulls();
        BatchBody.require(nullable || nulls == 0, "column " + name + ": " + nulls + " nulls in a NOT NULL column");
        ByteBuffer bitmap = body.nextBuffer(name, nulls == 0 ? 0 : bitmapSize(slots));
        validity = nulls == 0 ? null : bitmap;
        loadValues(body, slots);
    }

    /** The value in a slot, or null. */
    final Object read(int slot) throws CorruptFrameException {
        return isNull(slot) ? null : value(slot);
    }

    final boolean isNull(int slot) {
        return validity != null && !bit(validity, slot);
    }

    /** Whether no slot is null. */
    final boolean isFull() {
        return validity == null;
    }

    final String name() {
        return name;
    }

    /** Takes the buffers after the validity bitmap, then the children. */
    abstract void loadValues(BatchBody body, int slots) throws CorruptFrameException;

    /** The value in a slot that is not null. */
    abstract Object value(int slot) throws CorruptFrameException;

    static boolean bit(ByteBuffer bits, int index) {
        return (bits.get(index >> 3) >> (index & 7) & 1) != 0;
    }

    static long bitmapSize(int slots) {
        return (slots + 7L) / 8;
    }
}
