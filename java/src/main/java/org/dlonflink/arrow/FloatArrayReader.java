package org.dlonflink.arrow;

import java.nio.ByteBuffer;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.types.logical.LogicalType;

/** ARRAY of FLOAT: several scores, or an embedding. */
final class FloatArrayReader extends ColumnReader {
    private static final int BUFFERS = 2;

    private final FixedWidthReader items;
    private EndOffsets offsets;

    FloatArrayReader(String name, boolean nullable, LogicalType element) {
        super(name, nullable);
        this.items = new FixedWidthReader(name + ".item", element.isNullable(), Float.BYTES, ByteBuffer::getFloat);
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
        offsets = EndOffsets.load(body, name(), slots);
        int elements = body.nextNode();
        BatchBody.require(
                offsets.end() <= elements,
                "column " + name() + ": offset " + offsets.end() + " into " + elements + " elements");
        items.loadSlots(body, elements);
    }

    @Override
    Object value(int slot) throws CorruptFrameException {
        int start = offsets.start(slot);
        int size = offsets.size(slot);
        if (items.isFull()) {
            float[] values = new float[size];
            for (int i = 0; i < size; i++) {
                values[i] = (float) items.value(start + i);
            }
            return new GenericArrayData(values);
        }
        Float[] values = new Float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (Float) items.read(start + i);
        }
        return new GenericArrayData(values);
    }
}
