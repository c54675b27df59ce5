package org.dlonflink.worker;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import javax.annotation.Nullable;
import org.dlonflink.failure.Failure;
import org.dlonflink.log.LogContext;
import org.dlonflink.secret.Redaction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes what the worker prints into its log file, or into this process's log where it has none, and keeps the last lines
 * for the error that may come.
 */
final class OutputLog {
    private static final Logger LOG = LoggerFactory.getLogger(OutputLog.class);

    private static final int KEPT_LINES = 40;
    private static final long PAUSE_MS = 100;
    private static final int KEPT_BYTES_OF_LINE = 500;

    /** Of a log file, before it becomes the one before: what is printed for each row must not fill the disk. */
    private static final long MOST_BYTES = 64 << 20;

    private final InputStream output;
    private final OutputStream file;
    private final boolean logged;
    private final Deque<String> lines = new ArrayDeque<>();
    private long count;
    private final byte[] line = new byte[KEPT_BYTES_OF_LINE];
    private int lineBytes;
    private final Thread thread;

    private OutputLog(InputStream output, OutputStream file, boolean logged) {
        this.output = output;
        this.file = file;
        this.logged = logged;
        thread = new Thread(LogContext.handedOn(this::pump), "dlonflink-worker-output");
        thread.setDaemon(true);
    }

    /** Opens the log for appending, so that the lives of a worker stand in one file, each after a line of its own. */
    static OutputStream open(@Nullable Path log, String firstLine) throws IOException {
        if (log == null) {
            LOG.info(firstLine);
            return OutputStream.nullOutputStream();
        }
        try {
            OutputStream file = new BoundedLog(log, MOST_BYTES);
            file.write((firstLine + "\n").getBytes(StandardCharsets.UTF_8));
            return file;
        } catch (IOException e) {
            throw Failure.of("setup", "the worker's log cannot be written")
                    .where(log.toString())
                    .got(e.toString())
                    .exception(e);
        }
    }

    /** @param logged the lines go into this process's log */
    static OutputLog start(InputStream output, OutputStream file, boolean logged) {
        OutputLog log = new OutputLog(output, file, logged);
        log.thread.start();
        return log;
    }

    /** The last lines so far; after the process has ended, call {@link #await} first. */
    String lastLines() {
        synchronized (lines) {
            return String.join("\n", lines);
        }
    }

    /** Lines so far. */
    long count() {
        synchronized (lines) {
            return count;
        }
    }

    /** Those since there were {@code before}, once no more have come for a while; waits for the first one. */
    String linesAfter(long before, long millis) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        synchronized (lines) {
            for (long left = millis; left > 0 && count == before; left = millis(deadline)) {
                lines.wait(left);
            }
            for (long seen = before; count > seen && millis(deadline) > 0; ) {
                seen = count;
                lines.wait(PAUSE_MS);
            }
            int old = (int) Math.max(0, lines.size() - (count - before));
            return lines.stream().skip(old).collect(Collectors.joining("\n"));
        }
    }

    private static long millis(long deadline) {
        return TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
    }

    /** Waits for the end of the output: a grandchild may hold it open, so not for ever. */
    void await(long millis) throws InterruptedException {
        thread.join(millis);
    }

    private void pump() {
        try (file;
                OutputStream lines = Redaction.stream(new Taken())) {
            output.transferTo(lines);
        } catch (IOException e) {
            // The pipe is closed when the process is destroyed.
            LOG.debug("the worker's output ended", e);
        }
        endLine();
    }

    /** What is kept and what is written, without the values of secrets. */
    private final class Taken extends OutputStream {
        private OutputStream sink = file;

        @Override
        public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
        }

        /** A full disk must not stop the worker, which would block on its next print: go on reading. */
        @Override
        public void write(byte[] buffer, int offset, int length) {
            keep(buffer, offset, length);
            try {
                sink.write(buffer, offset, length);
            } catch (IOException e) {
                LOG.warn("the worker's log cannot be written any more", e);
                sink = OutputStream.nullOutputStream();
            }
        }
    }

    private void keep(byte[] buffer, int offset, int length) {
        for (int i = offset; i < offset + length; i++) {
            if (buffer[i] == '\n') {
                endLine();
            } else if (lineBytes < line.length) {
                line[lineBytes++] = buffer[i];
            }
        }
    }

    private void endLine() {
        if (lineBytes == 0) {
            return;
        }
        String text = new String(line, 0, lineBytes, StandardCharsets.UTF_8).stripTrailing();
        lineBytes = 0;
        if (logged) {
            LOG.info("{}", text);
        }
        synchronized (lines) {
            if (lines.size() == KEPT_LINES) {
                lines.removeFirst();
            }
            lines.addLast(text);
            count++;
            lines.notifyAll();
        }
    }
}
