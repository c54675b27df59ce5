package org.dlonflink.wire;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import org.apache.flink.annotation.Internal;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.log.LogContext;

/**
 * Sends frames to the worker from a thread of its own, in the order in which they were given to it.
 *
 * <p>Credits bound the batches under way and the operator all else, so that the queue fills up only while state is
 * restored; then {@link #send} waits, which is what keeps a large state off the heap.
 */
@Internal
public final class FrameWriter implements AutoCloseable {
    private static final int QUEUED_FRAMES = 64;
    private static final int POOLED_BUFFERS = 8;
    private static final int FIRST_BYTES = 1 << 16;
    private static final ByteBuffer CLOSE = ByteBuffer.allocate(0);

    private final WritableByteChannel channel;
    private final int cap;
    private final Consumer<IOException> onFailure;
    private final LinkedBlockingQueue<ByteBuffer> queue = new LinkedBlockingQueue<>(QUEUED_FRAMES);
    private final ConcurrentLinkedQueue<ByteBuffer> pool = new ConcurrentLinkedQueue<>();
    private final Thread thread;
    private volatile boolean closed;

    /**
     * @param cap most bytes of a payload
     * @param onFailure told, by the writer's thread, that the channel failed; frames given since then are dropped
     */
    public FrameWriter(WritableByteChannel channel, int cap, String threadName, Consumer<IOException> onFailure) {
        this.channel = channel;
        this.cap = cap;
        this.onFailure = onFailure;
        thread = new Thread(LogContext.handedOn(this::run), threadName);
        thread.setDaemon(true);
        thread.start();
    }

    /** A direct, little endian buffer whose position is where the payload begins; pass it, or a larger one, to send. */
    public ByteBuffer buffer() {
        ByteBuffer buffer = pool.poll();
        if (buffer == null) {
            buffer = ByteBuffer.allocateDirect(FIRST_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        }
        return buffer.clear().position(FrameReader.HEADER_BYTES);
    }

    /** Sends what lies between the place where {@link #buffer} began and the position; the buffer is given away. */
    public void send(FrameType type, ByteBuffer buffer) throws IOException, InterruptedException {
        send(type, 0, buffer);
    }

    public void send(FrameType type, long number) throws IOException, InterruptedException {
        send(type, 0, buffer().putLong(number));
    }

    public void send(FrameType type, int flags, byte[] payload, int length) throws IOException, InterruptedException {
        ByteBuffer buffer = buffer();
        if (buffer.remaining() < length) {
            buffer = ByteBuffer.allocateDirect(FrameReader.HEADER_BYTES + length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .position(FrameReader.HEADER_BYTES);
        }
        send(type, flags, buffer.put(payload, 0, length));
    }

    private void send(FrameType type, int flags, ByteBuffer buffer) throws IOException, InterruptedException {
        int length = buffer.position() - FrameReader.HEADER_BYTES;
        if (length > cap) {
            throw tooLarge(type, length);
        }
        buffer.flip();
        buffer.put(0, type.code()).put(1, (byte) flags).putShort(2, (short) 0).putInt(4, length);
        if (!closed) {
            queue.put(buffer);
        }
    }

    private void run() {
        try {
            for (ByteBuffer buffer = queue.take(); buffer != CLOSE; buffer = queue.take()) {
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                if (pool.size() < POOLED_BUFFERS) {
                    pool.add(buffer);
                }
            }
        } catch (IOException e) {
            closed = true;
            queue.clear();
            onFailure.accept(e);
        } catch (InterruptedException e) {
            closed = true;
            queue.clear();
        }
    }

    /** Lets the queue run dry, at most for {@code millis}, and ends the thread; what is left is dropped. */
    public void drain(long millis) throws InterruptedException {
        closed = true;
        if (queue.offer(CLOSE)) {
            thread.join(Math.max(1, millis));
        }
        close();
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }

    private FailureException tooLarge(FrameType type, int length) {
        return Failure.of("data", "a " + type + " frame is larger than frames may be")
                .where("the operator dlonflink-train")
                .expected("at most " + cap + " bytes")
                .got(length + " bytes")
                .fix("select fewer or smaller columns in the query, or raise the limit of a frame")
                .exception();
    }
}
