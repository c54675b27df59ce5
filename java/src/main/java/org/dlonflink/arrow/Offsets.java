package org.dlonflink.arrow;

/** Arrow's int32 offsets: a zero, then where each slot ends. */
final class Offsets {
    private final AppendBuffer ends = new AppendBuffer();

    Offsets() {
        clear();
    }

    void end(int position) {
        ends.room(Integer.BYTES).putInt(position);
    }

    AppendBuffer buffer() {
        return ends;
    }

    void clear() {
        ends.clear();
        end(0);
    }
}
