package org.dlonflink.arrow;

/** NULL: a count of slots, no buffer at all. */
final class NullReader extends ColumnReader {
    NullReader(ArrowField field) {
        super(field);
    }

    @Override
    int buffers() {
        return 0;
    }

    @Override
    void loadSlots(BatchBody body, int slots) throws CorruptFrameException {
        requireFew(slots);
    }

    @Override
    void loadValues(BatchBody body, int slots) {}

    @Override
    Object value(int slot) {
        return null;
    }
}
