package org.dlonflink.wire;

import java.nio.ByteBuffer;
import org.apache.flink.annotation.Internal;

/** A frame as it came; the payload is little endian, on the heap, from 0 to its limit, and belongs to the receiver. */
@Internal
public record Frame(FrameType type, ByteBuffer payload) {

    /** The payload from its position on. */
    public byte[] remaining() {
        byte[] bytes = new byte[payload.remaining()];
        payload.get(bytes);
        return bytes;
    }
}
