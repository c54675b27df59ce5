package org.dlonflink.operator;

import java.io.IOException;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.OperatorSnapshotFutures;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.table.data.RowData;
import org.dlonflink.log.LogContext;
import org.dlonflink.wire.Frame;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends rows to a worker process and takes scored rows from it, so that a checkpoint of Flink is one consistent cut of
 * stream and model: {@link RowFlow} has the rows, {@link Checkpoints} what becomes of a barrier. Everything but the
 * reader's {@link #receive} runs in the mailbox; waiting always yields to it.
 *
 * <p>Checkpoint n:
 *
 * <ol>
 *   <li>{@link #prepareSnapshotPreBarrier}: the partial batch, then BARRIER(n) go out; wait until ALIGNED(n).
 *   <li>The barrier goes on; {@link #snapshotState} returns at once with a future.
 *   <li>A thread of Flink's writes SNAPSHOT(n) chunks into Flink's stream as they come, until DURABLE(n).
 *   <li>{@link #notifyCheckpointComplete}: COMMIT(n). {@link #notifyCheckpointAborted}: ABORT(n).
 *   <li>{@link #initializeState}: RESTORE is the first after HELLO; the digest is checked; then READY.
 *   <li>{@link #endInput}: END, wait for FINISHED and the final snapshot, which answers all later checkpoints.
 * </ol>
 */
@Internal
@SuppressWarnings("serial") // the factory makes it where it runs
public final class TrainOperator extends AbstractStreamOperator<RowData>
        implements OneInputStreamOperator<RowData, RowData>, BoundedOneInput, WorkerLink.Receiver {
    private static final Logger LOG = LoggerFactory.getLogger(TrainOperator.class);

    private final TrainSettings settings;
    private final TaskMailbox mailbox;
    private final CloseableRegistry cancelables;
    private Reports reports;
    private RowFlow rows;
    private Checkpoints checkpoints;

    @Nullable
    private WorkerLink worker;

    TrainOperator(StreamOperatorParameters<RowData> parameters, TrainSettings settings) {
        super(parameters);
        this.settings = settings;
        mailbox = new TaskMailbox(parameters.getMailboxExecutor());
        cancelables = parameters.getContainingTask().getCancelables();
    }

    /** Starts the worker here, and not in open: only here can the restored state be streamed to it. (5) */
    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        reports = new Reports(getRuntimeContext(), getMetricGroup(), new Account());
        int attempt = getRuntimeContext().getTaskInfo().getAttemptNumber();
        LogContext.enter(settings.name(), settings.run(), attempt, context.getRestoredCheckpointId());
        worker = WorkerLink.start(settings, attempt, this);
        checkpoints = new Checkpoints(worker, mailbox, reports);
        rows = new RowFlow(settings, worker, mailbox, reports, output, getProcessingTimeService());
        worker.greet(Hello.of(settings, getRuntimeContext(), context.isRestored()));
        if (context.isRestored()) {
            SnapshotTransfer.restore(context.getRawOperatorStateInputs(), worker.restore());
        }
        worker.awaitReady();
    }

    @Override
    public void processElement(StreamRecord<RowData> element) throws Exception {
        rows.add(element.getValue());
    }

    @Override
    public void processWatermark(Watermark mark) throws Exception {
        rows.add(mark);
    }

    @Override
    public void processWatermarkStatus(WatermarkStatus status) {
        rows.add(status);
    }

    // 1
    @Override
    public void prepareSnapshotPreBarrier(long checkpoint) throws Exception {
        if (!checkpoints.isFinished()) {
            rows.flush();
            checkpoints.align(checkpoint);
        }
    }

    // 2, 3
    @Override
    public OperatorSnapshotFutures snapshotState(
            long checkpoint, long timestamp, CheckpointOptions options, CheckpointStreamFactory streams)
            throws Exception {
        OperatorSnapshotFutures futures = super.snapshotState(checkpoint, timestamp, options, streams);
        futures.setOperatorStateRawFuture(checkpoints.snapshot(checkpoint, streams, cancelables));
        return futures;
    }

    // 4
    @Override
    public void notifyCheckpointComplete(long checkpoint) throws Exception {
        super.notifyCheckpointComplete(checkpoint);
        checkpoints.complete(checkpoint);
    }

    // 4
    @Override
    public void notifyCheckpointAborted(long checkpoint) throws Exception {
        super.notifyCheckpointAborted(checkpoint);
        checkpoints.abort(checkpoint);
    }

    // 6
    @Override
    public void endInput() throws Exception {
        rows.end();
        mailbox.await(checkpoints::isFinished);
    }

    /** Takes a frame in the reader's thread; what touches the operator's state or output goes on in the mailbox. */
    @Override
    public void receive(Frame frame) throws IOException, InterruptedException {
        switch (frame.type()) {
            case READY -> LOG.info("the worker is ready: {}", reports.ready(frame));
            case HEARTBEAT -> reports.heartbeat(frame);
            case SNAPSHOT, DURABLE -> checkpoints.receive(frame);
            case METRICS -> reports.latest(frame);
            default -> mailbox.post(() -> handle(frame), frame.type().name());
        }
    }

    @Override
    public void lost(IOException cause) {
        mailbox.lost(cause);
        checkpoints.giveUp(cause);
    }

    private void handle(Frame frame) throws Exception {
        switch (frame.type()) {
            case CREDIT, SCORED, REJECT, WATERMARK_OUT -> rows.handle(frame);
            case ALIGNED, VERSION -> checkpoints.handle(frame);
            case FINISHED -> {
                reports.last(frame);
                checkpoints.finish();
            }
            default -> throw new IllegalStateException("no handler for " + frame.type());
        }
    }

    @Override
    public void close() throws Exception {
        if (worker != null) {
            // A failed task has no use for what is under way: its restart makes it good.
            boolean failed = mailbox.isLost() || getContainingTask().isFailing();
            // Cancelled between BARRIER and its future: nobody else lets go of the chunks.
            checkpoints.giveUp(new IOException("the task has ended"));
            worker.close(failed ? 0 : settings.limits().stopMs());
        }
        super.close();
    }
}
