package org.dlonflink.operator;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import javax.annotation.Nullable;
import org.dlonflink.failure.Failure;

/**
 * A snapshot on its way from the reader's thread to the thread that writes the checkpoint. The worker sends no more chunks
 * than it was told there is room for (CHUNKS), so the reader never waits here, and rows go on behind a slow storage.
 */
final class ChunkQueue implements ChunkSource {
    /** Tells the worker that there is room for so many more chunks. */
    interface Room {
        void more(int chunks) throws IOException, InterruptedException;
    }

    /** 16 MiB: enough to keep both sides busy, and no matter how large the snapshot is, no more on the heap. */
    static final int CHUNKS = 16;

    /** How many are told at once: the worker still has as many to go on with. */
    private static final int TOLD = CHUNKS / 2;

    private final Room room;
    private final Deque<byte[]> chunks = new ArrayDeque<>();
    private int written;

    @Nullable
    private Durable durable;

    @Nullable
    private IOException failure;

    ChunkQueue(Room room) {
        this.room = room;
    }

    /** Drops the chunk if the snapshot has been given up. */
    synchronized void put(byte[] chunk) throws IOException {
        if (failure != null) {
            return;
        }
        if (chunks.size() == CHUNKS) {
            throw Failure.of("protocol", "the worker sent more of a snapshot than it was allowed to")
                    .where("the socket from the worker")
                    .expected("at most " + CHUNKS + " chunks that wait to be written")
                    .fix("the jar and the Python package must be of one release: reinstall dlonflink")
                    .exception();
        }
        chunks.add(chunk);
        notifyAll();
    }

    synchronized void end(Durable whole) {
        durable = whole;
        notifyAll();
    }

    /** Gives the snapshot up: who waits for a chunk goes on at once. */
    synchronized void fail(IOException cause) {
        if (failure == null) {
            failure = cause;
        }
        chunks.clear();
        notifyAll();
    }

    @Override
    public void close() {
        fail(new IOException("the checkpoint was given up"));
    }

    @Override
    @Nullable
    public byte[] next() throws IOException, InterruptedException {
        byte[] chunk = take();
        if (chunk != null && ++written % TOLD == 0) {
            room.more(TOLD);
        }
        return chunk;
    }

    @Nullable
    private synchronized byte[] take() throws IOException, InterruptedException {
        while (chunks.isEmpty() && durable == null && failure == null) {
            wait();
        }
        if (failure != null) {
            throw new IOException("the snapshot did not arrive", failure);
        }
        return chunks.poll();
    }

    @Override
    public synchronized Durable durable() {
        return durable;
    }
}
