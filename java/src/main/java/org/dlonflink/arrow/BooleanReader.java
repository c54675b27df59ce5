package org.dlonflink.arrow;

import java.nio.ByteBuffer;

/** BOOLEAN. */
final class BooleanReader extends ColumnReader {
    private static final int BUFFERS = 2;

    private ByteBuffer bits;

    BooleanReader(String name, boolean nullable) {
        super(name, nullable);
    }

    @Override
    int buffers() {
        return BUFFERS;
    }

    @Override
    void loadValues(BatchBody body, int slots) throws CorruptFrameException {
        bits = body.nextBuffer(name(), bitmapSize(slots));
    }

    @Override
    Object value(int slot) {
        return bit(bits, slot);
    }
}
