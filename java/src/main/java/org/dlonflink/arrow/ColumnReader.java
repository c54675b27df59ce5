package org.dlonflink.arrow;

import java.nio.ByteBuffer;

/** Gives the values of one column of a loaded batch as Flink's internal data. One final class per shape. */
abstract class ColumnReader {
    /** Slots of a column, or a part of one, whose number no bytes bound, but memory does. */
    private static final int MOST_WITHOUT_BYTES = 1 << 24;

    private final String path;
    private final boolean nullable;
    private ByteBuffer validity;

    ColumnReader(ArrowField field) {
        this.path = field.path();
        this.nullable = field.nullable();
    }

    /** Nodes in a batch: one for the column, one for each child. */
    int nodes() {
        return 1;
    }

    /** Buffers in a batch, the validity bitmap included. */
    abstract int buffers();

    /** Takes this column's part of a batch of so many rows; no read that follows can leave its buffers. */
    final void load(BatchBody body, int rows) throws CorruptFrameException {
        loadField(body, rows);
        BatchBody.require(nullable || validity == null, "column " + path + ": nulls in a NOT NULL column");
    }

    /** Takes a column, or the field of a struct: as many slots as there are rows. */
    final void loadField(BatchBody body, int rows) throws CorruptFrameException {
        int slots = body.nextNode();
        BatchBody.require(slots == rows, "column " + path + ": " + slots + " values in " + rows + " rows");
        loadSlots(body, slots);
    }

    /** Takes the elements of a list, as far as its offsets go at least. */
    final void loadElements(BatchBody body, EndOffsets offsets) throws CorruptFrameException {
        int slots = body.nextNode();
        BatchBody.require(
                offsets.end() <= slots,
                "column " + path + ": offset " + offsets.end() + " into " + slots + " elements");
        loadSlots(body, slots);
    }

    /** Loads a column, or a child, whose node was just reached. */
    void loadSlots(BatchBody body, int slots) throws CorruptFrameException {
        int nulls = body.nulls();
        ByteBuffer bitmap = body.nextBuffer(path, nulls == 0 ? 0 : bitmapSize(slots));
        validity = nulls == 0 ? null : bitmap;
        loadValues(body, slots);
    }

    final void requireFew(int slots) throws CorruptFrameException {
        BatchBody.require(slots <= MOST_WITHOUT_BYTES, "column " + path + ": " + slots + " values of no bytes");
    }

    /** The value in a slot, or null. Slots under a null ROW are not read, and may be null whatever their type says. */
    final Object read(int slot) throws CorruptFrameException {
        if (!isNull(slot)) {
            return value(slot);
        }
        BatchBody.require(nullable, "column " + path + ": a null in a NOT NULL column");
        return null;
    }

    private boolean isNull(int slot) {
        return validity != null && !bit(validity, slot);
    }

    final String path() {
        return path;
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
