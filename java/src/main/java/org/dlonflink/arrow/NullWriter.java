package org.dlonflink.arrow;

import org.apache.flink.table.data.RowData;

/** NULL: a count of slots, no buffer at all. */
final class NullWriter extends ColumnWriter {
    NullWriter(ArrowField field) {
        super(field);
    }

    @Override
    long put(RowData from, int at) {
        throw refused("is there where its type says NULL", "leave it out");
    }

    @Override
    long putBlank() {
        return 0;
    }

    @Override
    void emit(BatchMessage message) {
        message.node(slots(), slots());
    }

    @Override
    void emitValues(BatchMessage message) {}

    @Override
    void clearValues() {}
}
