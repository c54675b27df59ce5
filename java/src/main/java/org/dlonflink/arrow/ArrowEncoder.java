package org.dlonflink.arrow;

import java.nio.ByteBuffer;
import org.apache.flink.annotation.Internal;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/**
 * Turns rows into Arrow record batches, many through one encoder. It copies what it keeps, so the caller may reuse its
 * row. Not thread safe; nothing to close.
 */
@Internal
public final class ArrowEncoder {
    /** A batch is full at this size, whatever its rows: half of what Arrow's int32 offsets and a buffer can hold. */
    private static final long MAX_BYTES = 1L << 30;

    private final ColumnWriter[] columns;
    private final int maxRows;
    private final BatchMessage message = new BatchMessage();
    private int rows;
    private long bytes;

    /** @throws IllegalArgumentException if a column's type does not cross (column, type and what to do) */
    public ArrowEncoder(RowType type, int maxRows) {
        if (maxRows < 1) {
            throw new IllegalArgumentException("a batch needs at least one row, not " + maxRows);
        }
        this.maxRows = maxRows;
        this.columns = type.getFields().stream()
                .map(field -> ArrowField.column(field, true).writer())
                .toArray(ColumnWriter[]::new);
    }

    /**
     * Adds a row; true when the batch is full and {@link #finish} is due.
     *
     * @throws IllegalArgumentException if Arrow cannot hold a value; the batch is then of no use
     */
    public boolean write(RowData row) {
        long added = 0;
        for (int i = 0; i < columns.length; i++) {
            added += columns[i].write(row, i);
        }
        bytes += added;
        return ++rows >= maxRows || bytes >= MAX_BYTES;
    }

    /** Rows in the batch so far. */
    public int rows() {
        return rows;
    }

    /** Bytes in the batch so far, without bitmaps, padding and metadata. */
    public long bytes() {
        return bytes;
    }

    /**
     * Writes the batch, which may be empty, as one encapsulated IPC message at {@code dst}'s position and begins the next
     * one. A {@code dst} that is too small is replaced by a larger direct buffer that begins with what stood before the
     * position.
     *
     * @return the buffer used, little endian, positioned behind the message
     */
    public ByteBuffer finish(ByteBuffer dst) {
        for (ColumnWriter column : columns) {
            column.emit(message);
        }
        ByteBuffer used = message.write(rows, dst);
        for (ColumnWriter column : columns) {
            column.clear();
        }
        rows = 0;
        bytes = 0;
        return used;
    }
}
