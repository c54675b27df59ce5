package org.dlonflink.operator;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.annotation.Nullable;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.failpoint.FailPoints;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;
import org.dlonflink.log.LogContext;
import org.dlonflink.plan.Text;
import org.dlonflink.wire.Frame;
import org.dlonflink.wire.FrameReader;
import org.dlonflink.wire.FrameType;
import org.dlonflink.wire.FrameWriter;
import org.dlonflink.worker.SocketDirectory;
import org.dlonflink.worker.WorkerProcess;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One life of a worker as the operator sees it: its process, a thread that writes to it and one that reads. The reader
 * alone decides what a worker died of: by its ERROR frame, else by its exit code. The writer only sees that a pipe broke.
 */
final class WorkerLink {
    private static final Logger LOG = LoggerFactory.getLogger(WorkerLink.class);

    /** Called by the reader's thread. */
    interface Receiver {
        void receive(Frame frame) throws IOException, InterruptedException;

        /** The worker is lost; nothing is received any more. */
        void lost(IOException cause);
    }

    private static final String NEEDED = "while it was needed";

    private final TrainSettings settings;
    private final WorkerProcess process;
    private final Receiver receiver;
    private final CompletableFuture<Void> ready = new CompletableFuture<>();
    private final Conversation conversation = new Conversation();

    @Nullable
    private SocketChannel channel;

    @Nullable
    private FrameWriter writer;

    @Nullable
    private Silence silence;

    private final AtomicBoolean gone = new AtomicBoolean();
    private volatile boolean closing;

    private WorkerLink(TrainSettings settings, WorkerProcess process, Receiver receiver) {
        this.settings = settings;
        this.process = process;
        this.receiver = receiver;
    }

    /** Starts the process; the link must be closed even if {@link #greet} fails. */
    static WorkerLink start(TrainSettings settings, int attempt, Receiver receiver) throws IOException {
        String title = "worker of " + settings.name() + ", run " + settings.run() + ", attempt " + attempt;
        String line = LogContext.line(settings.name(), settings.run(), attempt, "the worker starts");
        Map<String, String> environment = Text.readAll(settings.environment(), "runtime.worker.env");
        Path log = settings.log() == null ? null : Path.of(settings.log());
        WorkerProcess process = WorkerProcess.start(settings.command(), environment, log, line, title);
        return new WorkerLink(settings, process, receiver);
    }

    SocketDirectory directory() {
        return process.directory();
    }

    /** Waits for the worker to connect, and sends HELLO. */
    void greet(ObjectNode hello) throws IOException, InterruptedException {
        channel = process.connect(settings.limits().startMs());
        int cap = settings.limits().frameBytes();
        writer = new FrameWriter(
                channel, cap, "dlonflink-to-worker", e -> LOG.debug("the socket to the worker failed", e));
        silence = new Silence(channel);
        Thread reader =
                new Thread(LogContext.handedOn(() -> read(new FrameReader(silence, cap))), "dlonflink-from-worker");
        reader.setDaemon(true);
        reader.start();
        byte[] json = Json.write(hello).getBytes(StandardCharsets.UTF_8);
        writer.send(FrameType.HELLO, 0, json, json.length);
    }

    /** Takes a snapshot for the worker; to be used between greet and awaitReady. */
    SnapshotFormat.Sink restore() {
        return new SnapshotFormat.Sink() {
            @Override
            public void chunk(byte[] bytes, int length) throws IOException, InterruptedException {
                FailPoints.frame(FrameType.RESTORE);
                writer.send(FrameType.RESTORE, 0, bytes, length);
            }

            @Override
            public void end(byte[] digest) throws IOException, InterruptedException {
                writer.send(FrameType.RESTORE, FrameType.FLAG_LAST, digest, digest.length);
            }
        };
    }

    void awaitReady() throws IOException, InterruptedException {
        try {
            ready.get(settings.limits().startMs(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw process.late("did not say that it is ready", settings.limits().startMs());
        } catch (ExecutionException e) {
            throw new IOException("the worker was lost while it started", e.getCause());
        }
        silence.watch(settings.limits().silenceMs(), this::nothing);
    }

    ByteBuffer buffer() {
        return writer.buffer();
    }

    void send(FrameType type, ByteBuffer buffer) throws IOException, InterruptedException {
        FailPoints.frame(type);
        conversation.sent(type, 0);
        writer.send(type, buffer);
    }

    void send(FrameType type, long number) throws IOException, InterruptedException {
        FailPoints.frame(type);
        conversation.sent(type, number);
        writer.send(type, number);
    }

    void send(FrameType type) throws IOException, InterruptedException {
        conversation.sent(type, 0);
        writer.send(type, writer.buffer());
    }

    /** CHUNKS; from any thread. */
    void sendRoom(long checkpoint, int chunks) throws IOException, InterruptedException {
        FailPoints.frame(FrameType.CHUNKS);
        writer.send(FrameType.CHUNKS, writer.buffer().putLong(checkpoint).putInt(chunks));
    }

    private void read(FrameReader frames) {
        try {
            for (Frame frame = frames.read(); frame != null; frame = frames.read()) {
                if (frame.type() == FrameType.ERROR) {
                    throw FailureException.of(frame.json(), null);
                }
                conversation.received(frame);
                if (!take(frame)) {
                    return;
                }
            }
            lost(process.exited(NEEDED));
        } catch (FailureException e) {
            lost(e);
        } catch (IOException e) {
            lost(closing ? e : causeOf(e));
        } catch (InterruptedException e) {
            lost(new IOException("the reader was interrupted", e));
        } catch (Throwable e) {
            // No memory for a frame, for one. Without the reader the operator would wait for ever.
            lost(new IOException("frames of the worker cannot be read", e));
        }
    }

    /** Nothing has come for so long, though it was listened for; its heart beats every second. True if it is given up. */
    private boolean nothing(long millis) {
        try {
            if (!process.isAlive()) {
                // A child of its may hold the socket open, and then its end never comes.
                lost(process.exited(NEEDED));
            } else if (millis >= settings.limits().silenceMs()) {
                lost(process.silent(settings.limits().silenceMs()));
                process.kill();
            } else {
                return false;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return true;
    }

    /** False if the frame could not be taken, which is no fault of the socket's: a full disk, for one. */
    private boolean take(Frame frame) throws InterruptedException {
        try {
            FailPoints.frame(frame.type());
            receiver.receive(frame);
        } catch (IOException e) {
            lost(e);
            return false;
        }
        if (frame.type() == FrameType.READY) {
            ready.complete(null);
        }
        return true;
    }

    private IOException causeOf(IOException broken) {
        try {
            FailureException exited = process.exited(NEEDED);
            exited.addSuppressed(broken);
            return exited;
        } catch (InterruptedException e) {
            return broken;
        }
    }

    /** The first cause counts: one that is killed for its silence also exits, and its socket ends. */
    private void lost(IOException cause) {
        ready.completeExceptionally(cause);
        if (gone.compareAndSet(false, true) && !closing) {
            receiver.lost(cause);
        }
    }

    /**
     * Ends the worker.
     *
     * @param grace ms for it to finish what is under way; 0: it is killed at once
     */
    void close(long grace) throws IOException {
        closing = true;
        if (silence != null) {
            // What is still to do may take its time: the grace.
            silence.end();
        }
        try {
            if (writer != null && grace > 0) {
                long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(grace);
                send(FrameType.STOP);
                writer.drain(grace);
                process.awaitExit(TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            if (writer != null) {
                writer.close();
            }
            process.close();
            if (channel != null) {
                channel.close();
            }
        }
    }
}
