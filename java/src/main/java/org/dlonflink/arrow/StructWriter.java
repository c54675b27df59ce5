package org.dlonflink.arrow;

import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.types.variant.BinaryVariant;

/**
 * ROW and structured types inside a column: the fields side by side, a slot in each for every row, null rows too. And
 * VARIANT, as a row of its two parts.
 */
final class StructWriter extends ColumnWriter {
    private final ColumnWriter[] fields;
    private final View view;

    /** A value as a row. */
    private interface View {
        RowData of(RowData from, int at);
    }

    private StructWriter(ArrowField field, View view) {
        super(field);
        this.fields = field.children().stream().map(ArrowField::writer).toArray(ColumnWriter[]::new);
        this.view = view;
    }

    static StructWriter ofRows(ArrowField field) {
        int fields = field.children().size();
        return new StructWriter(field, (from, at) -> from.getRow(at, fields));
    }

    static StructWriter ofVariants(ArrowField field) {
        GenericRowData parts = new GenericRowData(field.children().size());
        return new StructWriter(field, (from, at) -> {
            BinaryVariant variant = (BinaryVariant) from.getVariant(at);
            parts.setField(0, variant.getMetadata());
            parts.setField(1, variant.getValue());
            return parts;
        });
    }

    @Override
    long put(RowData from, int at) {
        RowData row = view.of(from, at);
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
