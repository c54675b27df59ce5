package org.dlonflink.operator;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.dlonflink.log.LogContext;

/**
 * Hears whether anything comes from the worker, and calls when nothing has for too long. Only time in which the reader
 * listens is counted: what it has not taken is no silence. And only time in which this process runs, in ticks: one that
 * was stopped itself must not find fault with the worker at once.
 */
final class Silence implements ReadableByteChannel {
    private static final int TICKS = 10;
    private static final long LONGEST_TICK_MS = 1_000;

    /** Asked at every tick in which nothing came. */
    interface Watcher {
        /** True if it has seen enough, and nothing is watched any more. */
        boolean nothing(long millis);
    }

    private final ReadableByteChannel channel;
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile boolean listening;

    /** Written by the reader's thread alone. */
    private volatile long heard;

    Silence(ReadableByteChannel channel) {
        this.channel = channel;
    }

    @Override
    public int read(ByteBuffer buffer) throws IOException {
        listening = true;
        try {
            return channel.read(buffer);
        } finally {
            heard++;
            listening = false;
        }
    }

    /** @param limit ms that are too long */
    void watch(long limit, Watcher watcher) {
        long tick = Math.max(1, Math.min(LONGEST_TICK_MS, limit / TICKS));
        Thread thread = new Thread(LogContext.handedOn(() -> run(tick, watcher)), "dlonflink-watch");
        thread.setDaemon(true);
        thread.start();
    }

    private void run(long tick, Watcher watcher) {
        long before = heard;
        long silent = 0;
        try {
            while (!over.await(tick, TimeUnit.MILLISECONDS)) {
                long now = heard;
                silent = listening && now == before ? silent + tick : 0;
                before = now;
                if (silent > 0 && watcher.nothing(silent)) {
                    return;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Watches no more. */
    void end() {
        over.countDown();
    }

    @Override
    public boolean isOpen() {
        return channel.isOpen();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
