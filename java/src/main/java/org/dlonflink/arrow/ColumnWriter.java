package org.dlonflink.arrow;

import org.apache.flink.table.data.RowData;

/**
 * Collects the slots of one column, or of one level inside a nested one, until they are emitted as Arrow buffers. One
 * final class per shape; each value costs one virtual call and no allocation of ours.
 */
abstract class ColumnWriter {
    private final String path;
    private final boolean nullable;
    private final Validity validity = new Validity();
    private int slots;

    ColumnWriter(ArrowField field) {
        this.path = field.path();
        this.nullable = field.nullable();
    }

    /**
     * Appends field {@code at} of {@code from} and gives the bytes that took, bitmaps aside.
     *
     * @throws IllegalArgumentException if Arrow cannot hold the value
     */
    final long write(RowData from, int at) {
        if (from.isNullAt(at)) {
            if (!nullable) {
                throw refused("is null where its type says NOT NULL", "COALESCE or filter it");
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
    void emit(BatchMessage message) {
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
