package org.dlonflink.arrow;

import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;

/** MAP: a list of entries, each a struct of a key and a value. */
final class MapWriter extends ColumnWriter {
    private final Offsets offsets = new Offsets();
    private final ArrayElements elements = new ArrayElements();
    private final AppendBuffer noBitmap = new AppendBuffer();
    private final ColumnWriter keys;
    private final ColumnWriter values;

    MapWriter(String path, boolean nullable, MapType type) {
        super(path, nullable);
        LogicalType value = type.getValueType();
        this.keys = ColumnWriter.of(path + ".key", type.getKeyType(), false);
        this.values = ColumnWriter.of(path + ".value", value, value.isNullable());
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
