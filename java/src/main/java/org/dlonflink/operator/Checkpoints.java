package org.dlonflink.operator;

import java.io.IOException;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.OperatorStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.failure.Failure;
import org.dlonflink.log.LogContext;
import org.dlonflink.wire.Frame;
import org.dlonflink.wire.FrameType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The worker's part in checkpoints, from BARRIER to VERSION; the numbers are those of {@link TrainOperator}'s steps. Used
 * by the mailbox, but for {@link #receive} and {@link #giveUp}.
 */
final class Checkpoints {
    private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);

    private final WorkerLink worker;
    private final TaskMailbox mailbox;
    private final Reports reports;
    private final SnapshotTransfer snapshots;
    private long barrier;
    private long aligned;
    private long answered;
    private boolean finished;

    Checkpoints(WorkerLink worker, TaskMailbox mailbox, Reports reports) {
        this.worker = worker;
        this.mailbox = mailbox;
        this.reports = reports;
        snapshots = new SnapshotTransfer(new FinalSnapshot(worker.directory().file("final.snapshot")));
    }

    /** The rows before it have been sent: BARRIER, until ALIGNED. (1) */
    void align(long checkpoint) throws IOException, InterruptedException {
        ChunkQueue.Room room = chunks -> worker.sendRoom(checkpoint, chunks);
        snapshots.begin(checkpoint, room);
        barrier = checkpoint;
        reports.barrier();
        worker.send(FrameType.BARRIER, checkpoint);
        room.more(ChunkQueue.CHUNKS);
        reports.aligned(mailbox.await(() -> aligned >= checkpoint || !snapshots.isOpen(checkpoint)));
    }

    /** Takes the snapshot as it comes, or the last one, which is here. (2, 3) */
    RunnableFuture<SnapshotResult<OperatorStateHandle>> snapshot(
            long checkpoint, CheckpointStreamFactory streams, CloseableRegistry cancelables) throws IOException {
        return finished
                ? snapshots.arrived(streams, cancelables)
                : snapshots.arriving(checkpoint, streams, cancelables);
    }

    /** COMMIT. (4) */
    void complete(long checkpoint) throws IOException, InterruptedException {
        worker.send(FrameType.COMMIT, checkpoint);
        if (finished) {
            // The job may end with this checkpoint: not before its version is out.
            mailbox.await(() -> answered >= checkpoint);
        }
    }

    /** ABORT. (4) */
    void abort(long checkpoint) throws IOException, InterruptedException {
        snapshots.abort(checkpoint);
        if (checkpoint <= barrier) {
            worker.send(FrameType.ABORT, checkpoint);
        }
    }

    /** The final snapshot is here: it answers all checkpoints from here on. (6) */
    void finish() {
        finished = true;
    }

    boolean isFinished() {
        return finished;
    }

    /** SNAPSHOT, DURABLE; called by the reader's thread. */
    void receive(Frame frame) throws IOException {
        if (frame.type() == FrameType.SNAPSHOT) {
            snapshots.chunk(frame);
        } else {
            reports.snapshot(snapshots.durable(frame));
        }
    }

    /** ALIGNED, VERSION. */
    void handle(Frame frame) throws IOException {
        if (frame.type() == FrameType.ALIGNED) {
            aligned = Math.max(aligned, frame.payload().getLong());
            LogContext.aligned(aligned);
        } else {
            answer(frame.json());
        }
    }

    private void answer(ObjectNode version) throws IOException {
        LOG.info("version: {}", version);
        reports.version(version);
        answered = Math.max(answered, version.path("checkpoint").asLong());
        if (finished && version.path("outcome").asText().equals("failed")) {
            throw Failure.of("store", "the last version was not published")
                    .where("checkpoint " + answered)
                    .got(version.path("reason").asText())
                    .exception();
        }
    }

    /** Nothing comes any more: whoever waits for it goes on. */
    void giveUp(IOException cause) {
        snapshots.failAll(cause);
    }
}
