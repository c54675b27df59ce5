package org.dlonflink.arrow;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.table.data.GenericMapData;

/** MAP and MULTISET; of equal keys the last counts. */
final class MapReader extends ColumnReader {
    private static final int BUFFERS = 2;

    private final StructReader entries;
    private EndOffsets offsets;

    MapReader(ArrowField field) {
        super(field);
        this.entries = StructReader.ofRows(field.child(0));
    }

    @Override
    int nodes() {
        return 1 + entries.nodes();
    }

    @Override
    int buffers() {
        return BUFFERS + entries.buffers();
    }

    @Override
    void loadValues(BatchBody body, int slots) throws CorruptFrameException {
        offsets = EndOffsets.load(body, path(), slots);
        entries.loadElements(body, offsets);
    }

    @Override
    Object value(int slot) throws CorruptFrameException {
        int size = offsets.size(slot);
        int start = offsets.start(slot);
        Map<Object, Object> map = new LinkedHashMap<>();
        for (int i = start; i < start + size; i++) {
            Object[] pair = entries.parts(i);
            map.put(pair[0], pair[1]);
        }
        return new GenericMapData(map);
    }
}
