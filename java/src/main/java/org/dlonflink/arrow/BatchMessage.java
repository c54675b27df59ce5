package org.dlonflink.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;

/**
 * Puts one record batch message together. Writers announce nodes and buffers in Arrow's depth-first order; {@link
 * #write} then copies them behind the metadata, each padded to 8 bytes (without, pyarrow refuses batches that are not
 * full).
 */
final class BatchMessage {
    private final FlatBufferBuilder builder = new FlatBufferBuilder();
    private final List<Node> nodes = new ArrayList<>();
    private final List<AppendBuffer> buffers = new ArrayList<>();

    private record Node(int slots, int nulls) {}

    /** The next field (or child) in depth-first order. */
    void node(int slots, int nulls) {
        nodes.add(new Node(slots, nulls));
    }

    /** The next buffer of the field announced last. */
    void buffer(AppendBuffer buffer) {
        buffers.add(buffer);
    }

    /** Writes the message at {@code dst}'s position, into a larger direct buffer where it must; gives the one used. */
    ByteBuffer write(int rows, ByteBuffer dst) {
        long body = 0;
        for (AppendBuffer buffer : buffers) {
            body += Encapsulation.padded(buffer.size());
        }
        ByteBuffer metadata = metadata(rows, body);
        ByteBuffer to = withRoom(dst, Encapsulation.prefixSize(metadata) + body);
        Encapsulation.putPrefix(metadata, to);
        for (AppendBuffer buffer : buffers) {
            buffer.copyTo(to);
            Encapsulation.putZeros(to, (int) Encapsulation.padded(buffer.size()) - buffer.size());
        }
        nodes.clear();
        buffers.clear();
        return to;
    }

    private ByteBuffer metadata(int rows, long body) {
        builder.clear();
        int nodeVector = nodeVector();
        int bufferVector = bufferVector(body);
        RecordBatch.startRecordBatch(builder);
        RecordBatch.addLength(builder, rows);
        RecordBatch.addNodes(builder, nodeVector);
        RecordBatch.addBuffers(builder, bufferVector);
        return Encapsulation.finish(builder, MessageHeader.RecordBatch, RecordBatch.endRecordBatch(builder), body);
    }

    /** Flatbuffers grow downwards: the last element is written first. */
    private int nodeVector() {
        RecordBatch.startNodesVector(builder, nodes.size());
        for (int i = nodes.size() - 1; i >= 0; i--) {
            FieldNode.createFieldNode(
                    builder, nodes.get(i).slots(), nodes.get(i).nulls());
        }
        return builder.endVector();
    }

    private int bufferVector(long body) {
        RecordBatch.startBuffersVector(builder, buffers.size());
        long offset = body;
        for (int i = buffers.size() - 1; i >= 0; i--) {
            int size = buffers.get(i).size();
            offset -= Encapsulation.padded(size);
            Buffer.createBuffer(builder, offset, size);
        }
        return builder.endVector();
    }

    private static ByteBuffer withRoom(ByteBuffer dst, long size) {
        ByteBuffer to = dst.order(ByteOrder.LITTLE_ENDIAN);
        if (to.remaining() >= size) {
            return to;
        }
        int needed = Math.toIntExact(to.position() + size);
        int capacity = (int) Math.min(Integer.MAX_VALUE, Math.max(needed, 2L * to.capacity()));
        return ByteBuffer.allocateDirect(capacity)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(to.flip());
    }
}
