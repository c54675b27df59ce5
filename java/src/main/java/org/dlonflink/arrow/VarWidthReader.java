package org.dlonflink.arrow;

import java.nio.ByteBuffer;
import java.util.function.Function;

/** Values of any width. Text is taken as it comes: that it is UTF-8 is the sender's promise. */
final class VarWidthReader extends ColumnReader {
    private static final int BUFFERS = 3;

    private final Function<byte[], Object> decode;
    private EndOffsets offsets;
    private ByteBuffer bytes;

    VarWidthReader(ArrowField field, Function<byte[], Object> decode) {
        super(field);
        this.decode = decode;
    }

    @Override
    int buffers() {
        return BUFFERS;
    }

    @Override
    void loadValues(BatchBody body, int slots) throws CorruptFrameException {
        offsets = EndOffsets.load(body, path(), slots);
        bytes = body.nextBuffer(path(), offsets.end());
    }

    @Override
    Object value(int slot) {
        byte[] value = new byte[offsets.size(slot)];
        bytes.get(offsets.start(slot), value);
        return decode.apply(value);
    }
}
