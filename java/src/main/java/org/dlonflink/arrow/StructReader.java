package org.dlonflink.arrow;

import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.types.variant.BinaryVariant;
import org.apache.flink.types.variant.VariantTypeException;

/** ROW and structured types, whose fields stand side by side, and VARIANT, which is two of them. */
final class StructReader extends ColumnReader {
    private final ColumnReader[] fields;
    private final Make make;

    /** What the fields' values are together. */
    private interface Make {
        Object of(Object... parts);
    }

    private StructReader(ArrowField field, Make make) {
        super(field);
        this.fields = field.children().stream().map(ArrowField::reader).toArray(ColumnReader[]::new);
        this.make = make;
    }

    static StructReader ofRows(ArrowField field) {
        return new StructReader(field, GenericRowData::of);
    }

    static StructReader ofVariants(ArrowField field) {
        return new StructReader(field, parts -> new BinaryVariant((byte[]) parts[1], (byte[]) parts[0]));
    }

    @Override
    int nodes() {
        int nodes = 1;
        for (ColumnReader field : fields) {
            nodes += field.nodes();
        }
        return nodes;
    }

    @Override
    int buffers() {
        int buffers = 1;
        for (ColumnReader field : fields) {
            buffers += field.buffers();
        }
        return buffers;
    }

    @Override
    void loadValues(BatchBody body, int slots) throws CorruptFrameException {
        if (fields.length == 0) {
            requireFew(slots);
        }
        for (ColumnReader field : fields) {
            field.loadField(body, slots);
        }
    }

    @Override
    Object value(int slot) throws CorruptFrameException {
        try {
            return make.of(parts(slot));
        } catch (VariantTypeException malformed) {
            throw new CorruptFrameException("record batch: column " + path() + ": a VARIANT that is none", malformed);
        }
    }

    /** The fields' values in a slot that is not null. */
    Object[] parts(int slot) throws CorruptFrameException {
        Object[] parts = new Object[fields.length];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = fields[i].read(slot);
        }
        return parts;
    }
}
