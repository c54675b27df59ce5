package org.dlonflink.operator;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import javax.annotation.Nullable;
import org.apache.flink.table.data.RowData;
import org.dlonflink.arrowfile.ArrowRows;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;

/** One value is one batch, handed on unopened. It goes out at once, so that none waits here. */
final class WholeValue implements Input {
    private final int cap;

    @Nullable
    private byte[] value;

    private long rows;

    /** @param cap most bytes of a frame */
    WholeValue(int cap) {
        this.cap = cap;
    }

    @Override
    public boolean add(RowData row) throws FailureException {
        if (row.isNullAt(0)) {
            throw Failure.of("data", "a value that should hold record batches is NULL")
                    .where("the source's column of BYTES")
                    .expected("an Arrow IPC stream")
                    .fix("leave such rows out: make the source's table a view with WHERE ... IS NOT NULL")
                    .exception();
        }
        value = row.getBinary(0);
        if (value.length > cap) {
            throw Failure.of("data", "a value is larger than frames may be")
                    .where("the source's column of BYTES")
                    .expected("at most " + cap + " bytes")
                    .got(value.length + " bytes")
                    .fix("write smaller batches: 4,096 to 16,384 rows in each value")
                    .exception();
        }
        rows = ArrowRows.in(value);
        return true;
    }

    @Override
    public long added() {
        return rows;
    }

    @Override
    public boolean isEmpty() {
        return value == null;
    }

    @Override
    public ByteBuffer finish(ByteBuffer buffer) {
        ByteBuffer to = buffer;
        if (to.remaining() < value.length) {
            // Rounded up: values of nearly one size would else need a larger buffer again and again.
            int capacity = (int) Math.min(Integer.MAX_VALUE, 2L * Integer.highestOneBit(value.length + to.position()));
            to = ByteBuffer.allocateDirect(capacity)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .position(buffer.position());
        }
        to.put(value);
        value = null;
        return to;
    }
}
