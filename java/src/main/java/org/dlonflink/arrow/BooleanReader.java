package org.dlonflink.arrow;

import java.nio.ByteBuffer;

/** BOOLEAN. */
final class BooleanReader extends ColumnReader {
    private static final int BUFFERS = 2;

    private ByteBuffer bits;

    BooleanReader(ArrowField field) {
        super(field);
    }

    @Override
    int buffers() {
        return BUFFERS;
    }

    @Override
    void loadValues(BatchBody body, int slots) throws CorruptFrameException {
        bits = body.nextBuffer(path(), bitmapSize(slots));
    }

    @Override
    Object value(int slot) {
        return bit(bits, slot);
    }
}
