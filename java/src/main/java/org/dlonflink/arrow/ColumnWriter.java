package org.dlonflink.arrow;

import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/**
 * Collects the slots of one column, or of one level inside a nested one, until they are emitted as Arrow buffers. One
 * final class per shape; each value costs one virtual call and no allocation of ours.
 */
abstract class ColumnWriter {
    private final String path;
    private final boolean nullable;
    private final Validity validity = new Validity();
    private int slots;

    /** {@code path} names the column, or the part of it, in errors. */
    ColumnWriter(String path, boolean nullable) {
        this.path = path;
        this.nullable = nullable;
    }

    /**
     * The writer of a type.
     *
     * @throws IllegalArgumentException if the type does not cross
     */
    static ColumnWriter of(String path, LogicalType type, boolean nullable) {
        return switch (type.getTypeRoot()) {
            case BOOLEAN -> new BooleanWriter(path, nullable);
            case TINYINT -> new FixedWidthWriter.Int8(path, nullable);
            case SMALLINT -> new FixedWidthWriter.Int16(path, nullable);
            case INTEGER, DATE, TIME_WITHOUT_TIME_ZONE -> new FixedWidthWriter.Int32(path, nullable);
            case BIGINT -> new FixedWidthWriter.Int64(path, nullable);
            case FLOAT -> new FixedWidthWriter.Float32(path, nullable);
            case DOUBLE -> new FixedWidthWriter.Float64(path, nullable);
            case DECIMAL -> new DecimalWriter(path, nullable, (DecimalType) type);
            case CHAR, VARCHAR -> new VarWidthWriter.Text(path, nullable);
            case BINARY, VARBINARY -> new VarWidthWriter.Bytes(path, nullable);
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE ->
                new TimestampWriter(path, nullable, LogicalTypeChecks.getPrecision(type));
            case ARRAY -> new ListWriter(path, nullable, ((ArrayType) type).getElementType());
            case MAP -> new MapWriter(path, nullable, (MapType) type);
            case ROW -> new StructWriter(path, nullable, (RowType) type);
            default -> throw ArrowSchema.unsupported(path, type);
        };
    }

    /**
     * Appends field {@code at} of {@code from} and gives the bytes that took, bitmaps aside.
     *
     * @throws IllegalArgumentException if Arrow cannot hold the value
     */
    final long write(RowData from, int at) {
        if (from.isNullAt(at)) {
            if (!nullable) {
                throw refused("is null where its type says NOT NULL (a MAP's key always is)", "COALESCE or filter it");
            }
            return writeBlank();
        }
        long bytes = put(from, at);
        slots++;
        return bytes;
    }

    /** Appends a slot without a value: a null, or what lies under a null ROW, where a NOT NULL field gets a zero. */
    final long writeBlank() {
        if (nullable) {
            validity.markNull(slots);
        }
        long bytes = putBlank();
        slots++;
        return bytes;
    }

    final int slots() {
        return slots;
    }

    /** Announces this column's nodes and buffers, depth first. They must stay until the message is written. */
    final void emit(BatchMessage message) {
        message.node(slots, validity.nulls());
        message.buffer(validity.bits(slots));
        emitValues(message);
    }

    final void clear() {
        validity.clear();
        slots = 0;
        clearValues();
    }

    /** Appends a value that is not null; returns the bytes it took. */
    abstract long put(RowData from, int at);

    /** Appends what stands in the slot of a null; returns the bytes it took. */
    abstract long putBlank();

    /** Announces the buffers after the validity bitmap, then the children. */
    abstract void emitValues(BatchMessage message);

    abstract void clearValues();

    final IllegalArgumentException refused(String what, String fix) {
        return new IllegalArgumentException("column " + path + ": a value " + what + "; " + fix + " in source.query");
    }
}
