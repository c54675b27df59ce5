package org.dlonflink.worker;

import java.io.IOException;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One life of the worker's process. Its stdin is a pipe that this side never writes to: it is the lifeline, which the
 * kernel closes however the JVM ends. (A death signal of the parent would not do: that one is tied to the thread which
 * spawned the child.)
 */
@Internal
public final class WorkerProcess implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(WorkerProcess.class);

    private static final long OUTPUT_MS = 1_000;
    private static final long KILL_MS = 5_000;

    private final String title;
    private final Process process;
    private final OutputLog output;
    private final SocketDirectory directory;
    private final ServerSocketChannel server;

    private WorkerProcess(
            String title, Process process, OutputLog output, SocketDirectory directory, ServerSocketChannel server) {
        this.title = title;
        this.process = process;
        this.output = output;
        this.directory = directory;
        this.server = server;
    }

    /**
     * Starts a worker.
     *
     * @param command the program; the path of the socket is appended
     * @param environment added to this process's
     * @param log null: what it prints goes into this process's log
     * @param firstLine of this life in the log
     * @param title names run and attempt, for errors
     */
    public static WorkerProcess start(
            List<String> command, Map<String, String> environment, @Nullable Path log, String firstLine, String title)
            throws IOException {
        SocketDirectory directory = SocketDirectory.create();
        ServerSocketChannel server = null;
        OutputStream file = null;
        try {
            server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            server.bind(UnixDomainSocketAddress.of(directory.socket()));
            Files.setPosixFilePermissions(directory.socket(), PosixFilePermissions.fromString("rw-------"));
            file = OutputLog.open(log, firstLine);
            Process process = spawn(command, environment, directory.socket());
            OutputLog output = OutputLog.start(process.getInputStream(), file, log == null);
            return new WorkerProcess(title, process, output, directory, server);
        } catch (IOException e) {
            closeAll(e, file, server, directory);
            throw e;
        }
    }

    private static Process spawn(List<String> command, Map<String, String> environment, Path socket)
            throws IOException {
        List<String> words = new ArrayList<>(command);
        words.add(socket.toString());
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
        builder.environment().putAll(environment);
        try {
            return builder.start();
        } catch (IOException e) {
            throw Failure.of("setup", "the worker's program cannot be started")
                    .where(command.get(0))
                    .got(e.getMessage())
                    .fix("check runtime.worker.python")
                    .exception(e);
        }
    }

    /**
     * Waits until the worker connects; whoever else does is refused.
     *
     * @throws FailureException (code worker) if it ends, or does not connect in time
     */
    public SocketChannel connect(long millis) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        try (Selector selector = Selector.open()) {
            server.configureBlocking(false);
            server.register(selector, SelectionKey.OP_ACCEPT);
            process.onExit().thenRun(selector::wakeup);
            while (true) {
                long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                if (left > 0) {
                    selector.select(left);
                }
                if (Thread.interrupted()) {
                    throw new InterruptedException("while the worker connects");
                }
                SocketChannel channel = server.accept();
                if (channel != null) {
                    if (Owner.isAt(channel, directory.socket().getParent())) {
                        return channel;
                    }
                    channel.close();
                }
                if (!process.isAlive()) {
                    throw exited("before it connected");
                }
                if (left <= 0) {
                    throw late("did not connect", millis);
                }
            }
        }
    }

    public long pid() {
        return process.pid();
    }

    public SocketDirectory directory() {
        return directory;
    }

    /** The failure of a worker that is, or is about to be, gone without an ERROR frame: its exit code is the cause. */
    public FailureException exited(String when) throws InterruptedException {
        OptionalInt code = awaitExit(KILL_MS);
        if (code.isEmpty()) {
            return failure("the worker closed its socket and runs on", title + ", " + when);
        }
        output.await(OUTPUT_MS);
        return failure("the worker exited with code " + code.getAsInt(), title + ", " + when);
    }

    /** The failure of one that lives and says nothing. It is asked where it is, for which it needs nobody's lock. */
    public FailureException silent(long millis) throws InterruptedException {
        String stack = "";
        long before = output.count();
        if (signal("USR1", String.valueOf(process.pid()))) {
            stack = output.linesAfter(before, OUTPUT_MS);
        }
        return Failure.of(
                        "worker",
                        "the worker has said nothing for " + millis / 1000
                                + " s: stopped, swapping, or in a call that holds Python's lock")
                .where(title)
                .expected("a sign of life every second (runtime.worker.silence)")
                .got(stack.isEmpty() ? "nothing, not even where it is: most likely it was stopped" : stack)
                .fix("look at its machine and its log; raise runtime.worker.silence where native code may take so long")
                .exception();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** The failure of a worker that does not do something in time. */
    public FailureException late(String what, long millis) {
        return failure("the worker " + what + " within " + millis + " ms", title);
    }

    private FailureException failure(String what, String where) {
        String lines = output.lastLines();
        return Failure.of("worker", what)
                .where(where)
                .got(lines.isEmpty() ? "no output" : lines)
                .exception();
    }

    /** The exit code, if the process ends in time. */
    public OptionalInt awaitExit(long millis) throws InterruptedException {
        return process.waitFor(millis, TimeUnit.MILLISECONDS)
                ? OptionalInt.of(process.exitValue())
                : OptionalInt.empty();
    }

    /** Kills the worker, where it still runs, with all that it started, and removes its files. */
    @Override
    public void close() throws IOException {
        kill();
        IOException failed = closeAll(null, server, directory);
        if (failed != null) {
            throw failed;
        }
    }

    /**
     * Kills the worker, stopped or not, with all that it has started. Children are listed before their parent is killed, for
     * without it they cannot be found. Those of a worker that is gone already are found by its process group, which it
     * makes when it starts.
     */
    public void kill() {
        List<ProcessHandle> children;
        try (Stream<ProcessHandle> descendants = process.descendants()) {
            children = descendants.toList();
        }
        // By its handle: Process would also close the output, whose last lines may still be on their way to the log.
        process.toHandle().destroyForcibly();
        children.forEach(ProcessHandle::destroyForcibly);
        try {
            signal("KILL", "-" + process.pid());
            awaitExit(KILL_MS);
            output.await(OUTPUT_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
    }

    /**
     * Java itself can only kill, and no group. False where it is known not to have been sent.
     *
     * @param to a process, or a group by its number with a minus sign
     */
    private static boolean signal(String name, String to) throws InterruptedException {
        try {
            Process shell = new ProcessBuilder("sh", "-c", "kill -s " + name + " -- " + to)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return shell.waitFor(KILL_MS, TimeUnit.MILLISECONDS) && shell.exitValue() == 0;
        } catch (IOException e) {
            LOG.debug("no shell to signal {} to {} with", name, to, e);
            return false;
        }
    }

    private static IOException closeAll(IOException failure, AutoCloseable... resources) {
        IOException first = failure;
        for (AutoCloseable resource : resources) {
            try {
                if (resource != null) {
                    resource.close();
                }
            } catch (Exception e) {
                IOException next = e instanceof IOException io ? io : new IOException(e);
                if (first == null) {
                    first = next;
                } else {
                    first.addSuppressed(next);
                }
            }
        }
        return first;
    }
}
