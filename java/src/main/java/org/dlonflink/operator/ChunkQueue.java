package org.dlonflink.operator;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import javax.annotation.Nullable;

/** A snapshot on its way from the reader's thread to the thread that writes the checkpoint. */
final class ChunkQueue implements ChunkSource {
    /** 16 MiB: enough to keep both sides busy, and no matter how large the snapshot is, no more on the heap. */
    private static final int CHUNKS = 16;

    private final Deque<byte[]> chunks = new ArrayDeque<>();

    @Nullable
    private Durable durable;

    @Nullable
    private IOException failure;

    /** Waits while the queue is full; drops the chunk if the snapshot has been given up. */
    synchronized void put(byte[] chunk) throws InterruptedException {
        while (chunks.size() >= CHUNKS && failure == null) {
            wait();
        }
        if (failure == null) {
            chunks.add(chunk);
            notifyAll();
        }
    }

    synchronized void end(Durable whole) {
        durable = whole;
        notifyAll();
    }

    /** Gives the snapshot up: both sides go on at once. */
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
    public synchronized byte[] next() throws IOException, InterruptedException {
        while (chunks.isEmpty() && durable == null && failure == null) {
            wait();
        }
        if (failure != null) {
            throw new IOException("the snapshot did not arrive", failure);
        }
        byte[] chunk = chunks.poll();
        notifyAll();
        return chunk;
    }

    @Override
    public synchronized Durable durable() {
        return durable;
    }
}
