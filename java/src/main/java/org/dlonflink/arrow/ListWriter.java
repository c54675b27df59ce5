package org.dlonflink.arrow;

import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.RowData;

/** ARRAY: the elements of all slots in one child column, and where each slot ends in it. */
final class ListWriter extends ColumnWriter {
    private final Offsets offsets = new Offsets();
    private final ArrayElements elements = new ArrayElements();
    private final ColumnWriter items;

    ListWriter(ArrowField field) {
        super(field);
        this.items = field.child(0).writer();
    }

    @Override
    long put(RowData from, int at) {
        ArrayData array = from.getArray(at);
        elements.set(array);
        int size = array.size();
        long bytes = 0;
        for (int i = 0; i < size; i++) {
            bytes += items.write(elements, i);
        }
        return bytes + putBlank();
    }

    @Override
    long putBlank() {
        offsets.end(items.slots());
        return Integer.BYTES;
    }

    @Override
    void emitValues(BatchMessage message) {
        message.buffer(offsets.buffer());
        items.emit(message);
    }

    @Override
    void clearValues() {
        offsets.clear();
        items.clear();
    }
}
