package org.dlonflink.arrow;

/**
 * The validity bitmap of one column: one bit a slot, 1 for a value. Only nulls touch it, so a column without any costs
 * nothing and sends none.
 */
final class Validity {
    private static final byte ALL_VALID = (byte) 0xFF;

    private final AppendBuffer bits = new AppendBuffer();
    private int nulls;

    /** Marks the slot at {@code index} as null; slots are marked in order. */
    void markNull(int index) {
        allValidUpTo(index);
        bits.change(index >> 3, 0, 1 << (index & 7));
        nulls++;
    }

    int nulls() {
        return nulls;
    }

    /** The bitmap of so many slots: empty where all are valid, as Arrow allows. */
    AppendBuffer bits(int slots) {
        int last = slots & 7;
        if (nulls > 0) {
            allValidUpTo(slots - 1);
            if (last != 0) {
                bits.change(slots >> 3, 0, -1 << last);
            }
        }
        return bits;
    }

    void clear() {
        bits.clear();
        nulls = 0;
    }

    private void allValidUpTo(int index) {
        int missing = (index >> 3) + 1 - bits.size();
        if (missing > 0) {
            bits.room(missing).fill(ALL_VALID, missing);
        }
    }
}
