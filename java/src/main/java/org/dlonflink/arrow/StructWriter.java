package org.dlonflink.arrow;

import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/** ROW inside a column: its fields side by side, a slot in each for every row, null rows too. */
final class StructWriter extends ColumnWriter {
    private final ColumnWriter[] fields;

    StructWriter(String path, boolean nullable, RowType type) {
        super(path, nullable);
        this.fields = type.getFields().stream()
                .map(f -> ColumnWriter.of(
                        path + "." + f.getName(), f.getType(), f.getType().isNullable()))
                .toArray(ColumnWriter[]::new);
    }

    @Override
    long put(RowData from, int at) {
        RowData row = from.getRow(at, fields.length);
        long bytes = 0;
        for (int i = 0; i < fields.length; i++) {
            bytes += fields[i].write(row, i);
        }
        return bytes;
    }

    @Override
    long putBlank() {
        long bytes = 0;
        for (ColumnWriter field : fields) {
            bytes += field.writeBlank();
        }
        return bytes;
    }

    @Override
    void emitValues(BatchMessage message) {
        for (ColumnWriter field : fields) {
            field.emit(message);
        }
    }

    @Override
    void clearValues() {
        for (ColumnWriter field : fields) {
            field.clear();
        }
    }
}
