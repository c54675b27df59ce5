package org.dlonflink.wire;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;

/** Reads frames from the worker; used by one thread. */
@Internal
public final class FrameReader {
    static final int HEADER_BYTES = 8;

    /** The JDK keeps a direct buffer as large as the largest read for the life of the thread: so read in slices. */
    private static final int SLICE_BYTES = 1 << 18;

    private final ReadableByteChannel channel;
    private final long cap;
    private final ByteBuffer header = ByteBuffer.allocateDirect(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    /** @param cap most bytes of a payload */
    public FrameReader(ReadableByteChannel channel, int cap) {
        this.channel = channel;
        this.cap = cap;
    }

    /**
     * The next frame; null where the stream ends between two frames.
     *
     * @throws FailureException (code protocol) if the header is refused, which is decided before anything is allocated
     * @throws EOFException if the stream ends within a frame
     */
    @Nullable
    public Frame read() throws IOException {
        header.clear();
        if (!fill(header)) {
            if (header.position() > 0) {
                throw new EOFException("the stream ends within a frame's header");
            }
            return null;
        }
        int code = Byte.toUnsignedInt(header.get(0));
        int flags = Byte.toUnsignedInt(header.get(1));
        int zero = Short.toUnsignedInt(header.getShort(2));
        long length = Integer.toUnsignedLong(header.getInt(4));
        FrameType type = FrameType.fromWorker(code);
        if (type == null) {
            throw refusal("a frame type that the worker may send", String.valueOf(code));
        }
        if (flags != 0 || zero != 0) {
            throw refusal("a header of " + type + " without flags", "flags " + flags + ", zero " + zero);
        }
        if (length > cap || !type.allows(length)) {
            throw refusal(
                    "a payload of " + type + " within its bounds and at most " + cap + " bytes", length + " bytes");
        }
        ByteBuffer payload = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
        if (!fill(payload)) {
            throw new EOFException("the stream ends within a frame of type " + type);
        }
        return new Frame(type, payload.flip());
    }

    /** False at the end of the stream; the buffer then holds what came. */
    private boolean fill(ByteBuffer buffer) throws IOException {
        int end = buffer.limit();
        while (buffer.position() < end) {
            buffer.limit(Math.min(end, buffer.position() + SLICE_BYTES));
            if (channel.read(buffer) < 0) {
                return false;
            }
        }
        return true;
    }

    private static FailureException refusal(String expected, String got) {
        return Failure.of("protocol", "the worker sent a frame that is refused")
                .where("the socket from the worker")
                .expected(expected)
                .got(got)
                .exception();
    }
}
