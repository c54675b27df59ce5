package org.dlonflink.arrow;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;

/**
 * A record batch message taken apart: its nodes and buffers, handed out in Arrow's depth-first order. Every figure in it
 * is checked before it is used. Java's flatbuffers have no verifier, so the metadata is read from a slice that nothing
 * can reach out of.
 */
final class BatchBody {
    private final int rows;
    private final int[] slots;
    private final int[] nulls;
    private final ByteBuffer[] buffers;
    private int node = -1;
    private int buffer = -1;

    private BatchBody(int rows, int nodes, int buffers) {
        this.rows = rows;
        this.slots = new int[nodes];
        this.nulls = new int[nodes];
        this.buffers = new ByteBuffer[buffers];
    }

    /** Reads {@code message}, from its position to its limit, as a batch of so many nodes and buffers. */
    static BatchBody parse(ByteBuffer message, int nodes, int buffers) throws CorruptFrameException {
        ByteBuffer bytes = message.slice().order(ByteOrder.LITTLE_ENDIAN);
        require(bytes.limit() >= Encapsulation.MARKER_SIZE, "it ends before its metadata");
        require(bytes.getInt(0) == Encapsulation.CONTINUATION, "it does not begin with Arrow's continuation marker");
        int metadataSize = bytes.getInt(Integer.BYTES);
        int left = bytes.limit() - Encapsulation.MARKER_SIZE;
        require(
                metadataSize > 0 && metadataSize <= left,
                "its metadata has " + metadataSize + " of " + left + " bytes");
        ByteBuffer metadata = bytes.slice(Encapsulation.MARKER_SIZE, metadataSize);
        int start = Encapsulation.MARKER_SIZE + metadataSize;
        ByteBuffer body = bytes.slice(start, bytes.limit() - start).order(ByteOrder.LITTLE_ENDIAN);
        try {
            return read(Message.getRootAsMessage(metadata), body, nodes, buffers);
        } catch (IndexOutOfBoundsException outside) {
            throw new CorruptFrameException("record batch: its metadata point outside of it", outside);
        }
    }

    private static BatchBody read(Message message, ByteBuffer body, int nodes, int buffers)
            throws CorruptFrameException {
        require(message.headerType() == MessageHeader.RecordBatch, "message of kind " + message.headerType());
        require(message.version() == MetadataVersion.V5, "metadata version " + message.version() + ", not V5");
        require(message.bodyLength() == body.limit(), "body of " + message.bodyLength() + ", got " + body.limit());
        RecordBatch batch = (RecordBatch) message.header(new RecordBatch());
        require(batch != null, "no header");
        require(batch.compression() == null, "it is compressed");
        require(batch.nodesLength() == nodes, batch.nodesLength() + " fields where the schema has " + nodes);
        require(batch.buffersLength() == buffers, batch.buffersLength() + " buffers where the schema has " + buffers);
        BatchBody read = new BatchBody(count(batch.length(), Integer.MAX_VALUE), nodes, buffers);
        for (int i = 0; i < nodes; i++) {
            FieldNode node = batch.nodes(i);
            read.slots[i] = count(node.length(), Integer.MAX_VALUE);
            read.nulls[i] = count(node.nullCount(), read.slots[i]);
        }
        for (int i = 0; i < buffers; i++) {
            Buffer buffer = batch.buffers(i);
            int offset = count(buffer.offset(), body.limit());
            int length = count(buffer.length(), body.limit() - offset);
            read.buffers[i] = body.slice(offset, length).order(ByteOrder.LITTLE_ENDIAN);
        }
        return read;
    }

    int rows() {
        return rows;
    }

    /** Goes to the next node; gives its slots. */
    int nextNode() {
        return slots[++node];
    }

    /** Nulls among the slots of the node reached. */
    int nulls() {
        return nulls[node];
    }

    /** The next buffer, which must hold at least so many bytes. */
    ByteBuffer nextBuffer(String column, long atLeast) throws CorruptFrameException {
        ByteBuffer next = buffers[++buffer];
        require(
                next.limit() >= atLeast,
                "column " + column + ": buffer of " + next.limit() + " bytes where " + atLeast + " are needed");
        return next;
    }

    static void require(boolean holds, String otherwise) throws CorruptFrameException {
        if (!holds) {
            throw new CorruptFrameException("record batch: " + otherwise);
        }
    }

    private static int count(long value, int most) throws CorruptFrameException {
        require(value >= 0 && value <= most, "a count or offset of " + value + ", beyond 0 to " + most);
        return (int) value;
    }
}
