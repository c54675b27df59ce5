package org.dlonflink.arrow;

import java.nio.ByteBuffer;

/** The int32 offsets of a loaded column: slot i lies from offset i to offset i + 1. */
final class EndOffsets {
    private final ByteBuffer offsets;
    private final int slots;

    private EndOffsets(ByteBuffer offsets, int slots) {
        this.offsets = offsets;
        this.slots = slots;
    }

    /** Takes the next buffer as offsets, which must begin at 0 or more and never fall; a batch of no rows may have none. */
    static EndOffsets load(BatchBody body, String column, int slots) throws CorruptFrameException {
        long needed = slots == 0 ? 0 : (slots + 1L) * Integer.BYTES;
        EndOffsets loaded = new EndOffsets(body.nextBuffer(column, needed), slots);
        int previous = 0;
        for (int i = 0; slots > 0 && i <= slots; i++) {
            int offset = loaded.at(i);
            BatchBody.require(offset >= previous, "column " + column + ": offset " + offset + " after " + previous);
            previous = offset;
        }
        return loaded;
    }

    int start(int slot) {
        return at(slot);
    }

    int size(int slot) {
        return at(slot + 1) - at(slot);
    }

    /** Where the last slot ends. */
    int end() {
        return slots == 0 ? 0 : at(slots);
    }

    private int at(int index) {
        return offsets.getInt(index * Integer.BYTES);
    }
}
