package org.dlonflink.arrow;

import java.lang.reflect.Array;
import org.apache.flink.table.data.GenericArrayData;

/** ARRAY. */
final class ListReader extends ColumnReader {
    private static final int BUFFERS = 2;

    private final Class<?> held;
    private final ColumnReader items;
    private EndOffsets offsets;

    ListReader(ArrowField field) {
        super(field);
        this.held = field.child(0).held();
        this.items = field.child(0).reader();
    }

    @Override
    int nodes() {
        return 1 + items.nodes();
    }

    @Override
    int buffers() {
        return BUFFERS + items.buffers();
    }

    @Override
    void loadValues(BatchBody body, int slots) throws CorruptFrameException {
        offsets = EndOffsets.load(body, path(), slots);
        items.loadElements(body, offsets);
    }

    /** Of the elements' own class, as {@link GenericArrayData} casts what it holds to an array of that. */
    @Override
    Object value(int slot) throws CorruptFrameException {
        Object[] values = (Object[]) Array.newInstance(held, offsets.size(slot));
        int start = offsets.start(slot);
        for (int i = 0; i < values.length; i++) {
            values[i] = items.read(start + i);
        }
        return new GenericArrayData(values);
    }
}
