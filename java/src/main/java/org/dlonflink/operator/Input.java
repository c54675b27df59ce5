package org.dlonflink.operator;

import java.nio.ByteBuffer;
import org.apache.flink.table.data.RowData;
import org.dlonflink.failure.FailureException;

/** Makes the payloads of BATCH frames of what comes in. Used by the mailbox alone. */
interface Input {
    /** Takes a row; true when the batch is due. */
    boolean add(RowData row) throws FailureException;

    /** Rows of the stream in what was added last. */
    default long added() {
        return 1;
    }

    boolean isEmpty();

    /** Writes the batch behind {@code buffer}'s position, or into a larger one, and begins the next; gives the one used. */
    ByteBuffer finish(ByteBuffer buffer) throws FailureException;
}
