package org.dlonflink.arrow;

import org.apache.flink.table.data.RowData;

/** BOOLEAN: one bit a slot, the lowest first. */
final class BooleanWriter extends ColumnWriter {
    private final AppendBuffer bits = new AppendBuffer();

    BooleanWriter(ArrowField field) {
        super(field);
    }

    @Override
    long put(RowData from, int at) {
        return putBit(from.getBoolean(at) ? 1 : 0);
    }

    @Override
    long putBlank() {
        return putBit(0);
    }

    /** Says one byte a value: a bit would round to nothing. */
    private long putBit(int bit) {
        int within = slots() & 7;
        if (within == 0) {
            bits.room(1).putByte((byte) bit);
        } else {
            bits.change(bits.size() - 1, bit << within, 0);
        }
        return 1;
    }

    @Override
    void emitValues(BatchMessage message) {
        message.buffer(bits);
    }

    @Override
    void clearValues() {
        bits.clear();
    }
}
