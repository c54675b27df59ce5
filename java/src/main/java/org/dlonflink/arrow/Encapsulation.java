package org.dlonflink.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MetadataVersion;

/**
 * The frame of an Arrow IPC message: continuation marker, length of the metadata, the metadata (a flatbuffer), padding
 * to 8 bytes; then comes the body. Integers are little endian.
 */
final class Encapsulation {
    static final int CONTINUATION = 0xFFFFFFFF;

    /** Marker and length. */
    static final int MARKER_SIZE = 8;

    private static final int ALIGNMENT = 8;

    private Encapsulation() {}

    /** {@code size}, rounded up to Arrow's alignment. */
    static long padded(long size) {
        return (size + ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** Ends the message in {@code builder} around {@code header} and gives its bytes, valid until the builder is cleared. */
    static ByteBuffer finish(FlatBufferBuilder builder, byte headerType, int header, long bodyLength) {
        int none = 0;
        builder.finish(Message.createMessage(builder, MetadataVersion.V5, headerType, header, bodyLength, none));
        return builder.dataBuffer();
    }

    /** Bytes before the body. */
    static int prefixSize(ByteBuffer metadata) {
        return MARKER_SIZE + (int) padded(metadata.remaining());
    }

    /** Writes all that comes before the body at {@code to}'s position. */
    static void putPrefix(ByteBuffer metadata, ByteBuffer to) {
        int size = metadata.remaining();
        int padded = (int) padded(size);
        to.putInt(CONTINUATION).putInt(padded).put(metadata);
        putZeros(to, padded - size);
    }

    static void putZeros(ByteBuffer to, int count) {
        for (int i = 0; i < count; i++) {
            to.put((byte) 0);
        }
    }
}
