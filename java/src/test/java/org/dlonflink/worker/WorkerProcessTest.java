package org.dlonflink.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.dlonflink.failure.FailureException;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerProcessTest {
    @TempDir
    private Path directory;

    private WorkerProcess start(String python) throws Exception {
        List<String> command = List.of("python3", "-c", "import os, socket, subprocess, sys, time\n" + python);
        return WorkerProcess.start(
                command, Map.of("GREETING", "hello"), directory.resolve("log"), "first line", "worker of test");
    }

    @Test
    void theSocketIsForItsOwnerAlone() throws Exception {
        Path socket;
        try (WorkerProcess worker = start("s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); time.sleep(60)");
                SocketChannel channel = worker.connect(20_000)) {
            assertThat(channel.isConnected()).isTrue();
            socket = worker.directory().socket();
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
                    .isEqualTo("rw-------");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket.getParent())))
                    .isEqualTo("rwx------");
        }
        assertThat(socket.getParent()).doesNotExist();
    }

    @Test
    void anEarlyEndIsNoticedAtOnceWithItsCodeAndLastLines() throws Exception {
        String python = "print(os.environ['GREETING'])\nfor i in range(60): print('line', i, 'x' * 1000)\nsys.exit(5)";
        try (WorkerProcess worker = start(python)) {
            assertThatThrownBy(() -> worker.connect(60_000))
                    .isInstanceOf(FailureException.class)
                    .hasMessageContaining("exited with code 5")
                    .hasMessageContaining("line 59 ")
                    .hasMessageContaining("line 20 ")
                    .hasMessageNotContaining("line 19 ");
        }
        assertThat(Files.readString(directory.resolve("log")))
                .startsWith("first line\n")
                .contains("hello\n", "line 0 ");
    }

    @Test
    void oneThatDoesNotConnectIsGivenUp() throws Exception {
        try (WorkerProcess worker = start("print('busy', flush=True); time.sleep(60)")) {
            assertThatThrownBy(() -> worker.connect(300)).hasMessageContaining("did not connect within 300 ms");
        }
    }

    /**
     * Children of a worker that is gone are found by its process group, others by their parent. A child holds the socket
     * too, which ends only when nobody does.
     */
    @ParameterizedTest
    @Timeout(30)
    @ValueSource(strings = {"time.sleep(60)", "os._exit(0)"})
    void allThatItStartedIsKilled(String rest) throws Exception {
        String python = "os.setpgid(0, 0)\n"
                + "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
                + "subprocess.Popen(['sleep', '60'], pass_fds=[s.fileno()])\n"
                + "s.send(b'!')\n"
                + rest;
        WorkerProcess worker = start(python);
        try (SocketChannel channel = worker.connect(20_000)) {
            assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(1);
            if (rest.startsWith("os")) {
                assertThat(worker.awaitExit(20_000)).hasValue(0);
            }
            worker.close();
            assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(-1);
        }
    }

    /** One who can read our directory, as the superuser can, is refused; who is waited for may come after him. */
    @Test
    void anotherUserIsRefused() throws Exception {
        Assumptions.assumeTrue("root".equals(System.getProperty("user.name")));
        String python = "where = sys.argv[1]\n"
                + "os.chmod(os.path.dirname(where), 0o755); os.chmod(where, 0o777)\n"
                + "if os.fork() == 0:\n"
                + "    os.setuid(65534)\n"
                + "    s = socket.socket(socket.AF_UNIX); s.connect(where)\n"
                + "    print('refused' if s.recv(1) == b'' else 'let in', flush=True); os._exit(0)\n"
                + "os.wait()\n"
                + "s = socket.socket(socket.AF_UNIX); s.connect(where); s.send(b'!'); time.sleep(60)";
        try (WorkerProcess worker = start(python);
                SocketChannel channel = worker.connect(20_000)) {
            assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(1);
            assertThat(Files.readString(directory.resolve("log")))
                    .contains("refused")
                    .doesNotContain("let in");
        }
    }

    /** It need not run for that: it is asked in C. */
    @Test
    void aSilentWorkerIsAskedWhereItIs() throws Exception {
        String python = "import faulthandler, signal\n"
                + "faulthandler.register(signal.SIGUSR1, all_threads=False)\n"
                + "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
                + "s.send(b'!')\n"
                + "time.sleep(60)";
        try (WorkerProcess worker = start(python);
                SocketChannel channel = worker.connect(20_000)) {
            assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(1);
            assertThat(worker.silent(30_000))
                    .hasMessageContaining("said nothing for 30 s")
                    .hasMessageContaining("File \\\"<string>\\\", line 6 in <module>");
        }
    }

    @Test
    void aWorkerThatPrintsMuchIsNotHeldUpAndItsLogIsBounded() throws Exception {
        String python = "line = 'x' * 1023\nfor i in range(100 << 10): print(line)\nprint('done', flush=True)";
        try (WorkerProcess worker = start(python)) {
            assertThatThrownBy(() -> worker.connect(60_000)).hasMessageContaining("exited with code 0");
        }
        Path log = directory.resolve("log");
        assertThat(Files.size(log)).isLessThan(64 << 20);
        assertThat(Files.size(directory.resolve("log.1"))).isBetween(63L << 20, 65L << 20);
        assertThat(Files.size(log) + Files.size(directory.resolve("log.1")))
                .isEqualTo("first line\ndone\n".length() + (100L << 20));
        assertThat(Files.readString(log)).endsWith("x\ndone\n");
    }

    @Test
    void aTemporaryDirectoryWithALongPathIsPassedOver() throws Exception {
        String before = System.getProperty("java.io.tmpdir");
        Path long1 = Files.createDirectories(directory.resolve("d".repeat(100)));
        System.setProperty("java.io.tmpdir", long1.toString());
        try (SocketDirectory sockets = SocketDirectory.create()) {
            assertThat(sockets.socket()).startsWithRaw(Path.of("/tmp"));
            assertThat(sockets.socket().toString().length()).isLessThan(108);
        } finally {
            System.setProperty("java.io.tmpdir", before);
        }
    }

    @Test
    void aLogThatCannotBeWrittenIsRefused() {
        List<String> command = List.of("python3", "-c", "");
        Path log = directory.resolve("no/such/log");
        assertThatThrownBy(() -> WorkerProcess.start(command, Map.of(), log, "first line", "worker of test"))
                .hasMessageContaining("\"code\":\"setup\"")
                .hasMessageContaining(log.toString());
    }
}
