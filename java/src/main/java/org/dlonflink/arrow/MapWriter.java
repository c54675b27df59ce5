package org.dlonflink.arrow;

import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RowData;

/** MAP, and MULTISET, whose values are counts: a list of entries, each a struct of a key and a value. */
final class MapWriter extends ColumnWriter {
    private final Offsets offsets = new Offsets();
    private final ArrayElements elements = new ArrayElements();
    private final AppendBuffer noBitmap = new AppendBuffer();
    private final ColumnWriter keys;
    private final ColumnWriter values;

    MapWriter(ArrowField field) {
        super(field);
        ArrowField entries = field.child(0);
        this.keys = entries.child(0).writer();
        this.values = entries.child(1).writer();
    }

    @Override
    long put(RowData from, int at) {
        MapData map = from.getMap(at);
        int size = map.size();
        long bytes = 0;
        elements.set(map.keyArray());
        for (int i = 0; i < size; i++) {
            bytes += keys.write(elements, i);
        }
        elements.set(map.valueArray());
        for (int i = 0; i < size; i++) {
            bytes += values.write(elements, i);
        }
        return bytes + putBlank();
    }

    @Override
    long putBlank() {
        offsets.end(keys.slots());
        return Integer.BYTES;
    }

    @Override
    void emitValues(BatchMessage message) {
        message.buffer(offsets.buffer());
        message.node(keys.slots(), 0);
        message.buffer(noBitmap);
        keys.emit(message);
        values.emit(message);
    }

    @Override
    void clearValues() {
        offsets.clear();
        keys.clear();
        values.clear();
    }
}
