package org.dlonflink.arrowfile;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.flink.annotation.Internal;

/**
 * How many rows of the stream a value stands for, by the heads of its messages: those that a record batch says it has, or
 * that its message says it stands for ({@link #ROWS}), where it holds the places of rows.
 */
@Internal
public final class ArrowRows {
    /** Key in a message's custom metadata; the worker's side writes it. */
    static final String ROWS = "dlonflink.rows";

    private static final int CONTINUATION = -1;
    private static final int INT = 4;

    private ArrowRows() {}

    /** Up to the first byte that is no message: what that means is for the worker to say, who reads all of it. */
    public static long in(byte[] value) {
        ByteBuffer bytes = ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN);
        long rows = 0;
        long at = 0;
        while (at >= 0 && at + INT <= value.length) {
            int length = bytes.getInt((int) at);
            at += INT;
            // Before Arrow 0.15 there was no marker.
            if (length == CONTINUATION && at + INT <= value.length) {
                length = bytes.getInt((int) at);
                at += INT;
            }
            if (length <= 0 || at + length > value.length) {
                return rows;
            }
            byte[] metadata = Arrays.copyOfRange(value, (int) at, (int) at + length);
            at += length;
            try {
                Message message = Message.getRootAsMessage(ByteBuffer.wrap(metadata));
                rows += rows(message);
                at += Math.max(message.bodyLength(), 0);
            } catch (IndexOutOfBoundsException | NullPointerException | NumberFormatException e) {
                return rows;
            }
        }
        return rows;
    }

    private static long rows(Message message) {
        if (message.headerType() != MessageHeader.RecordBatch) {
            return 0;
        }
        for (int i = 0; i < message.customMetadataLength(); i++) {
            KeyValue entry = message.customMetadata(i);
            if (ROWS.equals(entry.key())) {
                return Long.parseLong(entry.value());
            }
        }
        return ((RecordBatch) message.header(new RecordBatch())).length();
    }
}
