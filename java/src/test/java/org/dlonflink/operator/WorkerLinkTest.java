package org.dlonflink.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.table.types.logical.RowType;
import org.dlonflink.json.Json;
import org.dlonflink.plan.Plan;
import org.dlonflink.wire.Frame;
import org.dlonflink.wire.FrameType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class WorkerLinkTest {
    private static final String CONNECTED = "import socket, struct, sys, time\n"
            + "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            + "def say(kind, payload): s.sendall(struct.pack('<BBHI', kind, 0, 0, len(payload)) + payload)\n"
            + "def hear(count):\n while count: count -= len(s.recv(count))\n"
            + "say(33, b'{}')\n";

    private static final int EMPTY_HELLO = 10;
    private static final int NUMBER = 16;

    @TempDir
    private Path directory;

    private TrainSettings settings(String python) {
        return new TrainSettings(
                "test",
                "run",
                new Plan.Limits(10, 1 << 20, 50, 1 << 20, 30_000, 3_000, 30_000, 60_000),
                new ArrayList<>(List.of("python3", "-c", CONNECTED + python)),
                new LinkedHashMap<>(),
                directory.resolve("log").toString(),
                false,
                "[]",
                RowType.of(),
                false,
                RowType.of());
    }

    /** Whatever the reader's thread dies of: the operator, which waits for frames, hears of it. */
    @Test
    void aReaderThatFailsIsALostWorker() throws Exception {
        CompletableFuture<IOException> lost = new CompletableFuture<>();
        WorkerLink.Receiver receiver = new WorkerLink.Receiver() {
            @Override
            public void receive(Frame frame) {
                if (frame.type() == FrameType.METRICS) {
                    throw new OutOfMemoryError("for one");
                }
            }

            @Override
            public void lost(IOException cause) {
                lost.complete(cause);
            }
        };
        WorkerLink worker = WorkerLink.start(settings("say(42, b'{}'); time.sleep(60)"), 0, receiver);
        try {
            worker.greet(Json.object());
            assertThat(lost.get(30, TimeUnit.SECONDS)).hasRootCauseMessage("for one");
        } finally {
            worker.close(0);
        }
    }

    /** A task cancelled between BARRIER and the snapshot's future has nobody who would read the chunks. */
    @Test
    void chunksOfATaskThatEndsAreDropped() throws Exception {
        SnapshotTransfer snapshots = new SnapshotTransfer(new FinalSnapshot(directory.resolve("final")));
        snapshots.begin(1, chunks -> {});
        snapshots.failAll(new IOException("the task has ended"));
        CompletableFuture<Void> version = new CompletableFuture<>();
        WorkerLink.Receiver receiver = new WorkerLink.Receiver() {
            @Override
            public void receive(Frame frame) throws IOException, InterruptedException {
                if (frame.type() == FrameType.SNAPSHOT) {
                    snapshots.chunk(frame);
                } else if (frame.type() == FrameType.VERSION) {
                    version.complete(null);
                }
            }

            @Override
            public void lost(IOException cause) {
                version.completeExceptionally(cause);
            }
        };
        String heard = "hear(" + (EMPTY_HELLO + 2 * NUMBER) + "); one = struct.pack('<q', 1); say(36, one)\n";
        String chunks = "for _ in range(40): say(37, one + b'x' * 1000)\n";
        String answer = "say(39, b'{\"checkpoint\": 1}'); time.sleep(60)";
        WorkerLink worker = WorkerLink.start(settings(heard + chunks + answer), 0, receiver);
        try {
            worker.greet(Json.object());
            worker.send(FrameType.BARRIER, 1);
            worker.send(FrameType.COMMIT, 1);
            version.get(30, TimeUnit.SECONDS);
        } finally {
            worker.close(0);
        }
    }

    /** An ALIGNED that nobody asked for would let a barrier pass before its rows are learned. */
    @Test
    void whatIsOutOfOrderLosesTheWorker() throws Exception {
        CompletableFuture<IOException> lost = new CompletableFuture<>();
        WorkerLink.Receiver receiver = new WorkerLink.Receiver() {
            @Override
            public void receive(Frame frame) {}

            @Override
            public void lost(IOException cause) {
                lost.complete(cause);
            }
        };
        WorkerLink worker = WorkerLink.start(settings("say(36, struct.pack('<q', 7)); time.sleep(60)"), 0, receiver);
        try {
            worker.greet(Json.object());
            assertThat(lost.get(30, TimeUnit.SECONDS)).hasMessageContaining("sent ALIGNED out of order");
        } finally {
            worker.close(0);
        }
    }
}
