package org.dlonflink.arrow;

import java.nio.ByteBuffer;
import org.apache.flink.annotation.Internal;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/**
 * Turns Arrow record batches, which come from another process and are not trusted, into rows: every type that {@link
 * ArrowEncoder} writes. Not thread safe; nothing to close.
 */
@Internal
public final class ArrowDecoder {
    private final ColumnReader[] columns;
    private final int nodes;
    private final int buffers;
    private int rows;

    /** @throws IllegalArgumentException if a column's type does not cross (column, type and what to do) */
    public ArrowDecoder(RowType type) {
        this.columns = type.getFields().stream()
                .map(field ->
                        ArrowField.column(field, field.getType().isNullable()).reader())
                .toArray(ColumnReader[]::new);
        int allNodes = 0;
        int allBuffers = 0;
        for (ColumnReader column : columns) {
            allNodes += column.nodes();
            allBuffers += column.buffers();
        }
        this.nodes = allNodes;
        this.buffers = allBuffers;
    }

    /**
     * Takes one encapsulated IPC record batch message, from {@code message}'s position to its limit, and gives its number
     * of rows. Nothing is copied: the bytes must stay as they are until the rows are read.
     *
     * @throws CorruptFrameException if it is not a batch of this decoder's type; no row can then be read
     */
    public int load(ByteBuffer message) throws CorruptFrameException {
        rows = 0;
        BatchBody body = BatchBody.parse(message, nodes, buffers);
        for (ColumnReader column : columns) {
            column.load(body, body.rows());
        }
        rows = body.rows();
        return rows;
    }

    /**
     * A new row of the batch loaded last, with values of its own.
     *
     * @throws CorruptFrameException if a value is outside of what its type holds
     */
    public RowData row(int index) throws CorruptFrameException {
        if (index < 0 || index >= rows) {
            throw new IndexOutOfBoundsException("row " + index + " of " + rows);
        }
        GenericRowData row = new GenericRowData(columns.length);
        for (int i = 0; i < columns.length; i++) {
            row.setField(i, columns[i].read(index));
        }
        return row;
    }
}
