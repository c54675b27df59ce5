package org.dlonflink.operator;

import java.io.IOException;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BooleanSupplier;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.OperatorSnapshotFutures;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.table.data.RowData;
import org.apache.flink.util.function.ThrowingRunnable;
import org.dlonflink.failure.Failure;
import org.dlonflink.json.Json;
import org.dlonflink.log.LogContext;
import org.dlonflink.wire.Frame;
import org.dlonflink.wire.FrameType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends rows to a worker process and takes scored rows from it, so that a checkpoint of Flink is one consistent cut of
 * stream and model. Everything but the reader's {@link #receive} runs in the mailbox; waiting always yields to it.
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
    private final MailboxExecutor mailbox;
    private final CloseableRegistry cancelables;
    private final RowOutput rows;
    private final Watermarks watermarks = new Watermarks();
    private Reports reports;
    private Input batcher;

    @Nullable
    private WorkerLink worker;

    private SnapshotTransfer snapshots;
    private int credits;
    private long barrier;
    private long aligned;
    private long answered;
    private boolean ended;
    private boolean finished;

    @Nullable
    private volatile IOException loss;

    TrainOperator(StreamOperatorParameters<RowData> parameters, TrainSettings settings) {
        super(parameters);
        this.settings = settings;
        mailbox = parameters.getMailboxExecutor();
        cancelables = parameters.getContainingTask().getCancelables();
        rows = new RowOutput(settings.scored());
    }

    /** Starts the worker here, and not in open: only here can the restored state be streamed to it. (5) */
    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        reports = new Reports(getRuntimeContext(), getMetricGroup());
        batcher = settings.values()
                ? new WholeValue(settings.limits().frameBytes())
                : new RowBatcher(settings, getProcessingTimeService(), this::flush);
        int attempt = getRuntimeContext().getTaskInfo().getAttemptNumber();
        LogContext.enter(settings.name(), settings.run(), attempt, context.getRestoredCheckpointId());
        worker = WorkerLink.start(settings, attempt, this);
        snapshots = new SnapshotTransfer(new FinalSnapshot(worker.directory().file("final.snapshot")));
        worker.greet(Hello.of(settings, getRuntimeContext(), context.isRestored()));
        if (context.isRestored()) {
            SnapshotTransfer.restore(context.getRawOperatorStateInputs(), worker.restore());
        }
        worker.awaitReady();
    }

    @Override
    public void processElement(StreamRecord<RowData> element) throws Exception {
        reports.rowIn();
        if (batcher.add(element.getValue())) {
            flush();
        }
    }

    private void flush() throws Exception {
        // A timer may flush the batch while this yields: so look again.
        reports.waited(await(() -> credits > 0 || batcher.isEmpty()));
        if (!batcher.isEmpty()) {
            credits--;
            worker.send(FrameType.BATCH, reports.batch(batcher.finish(worker.buffer())));
        }
        sendWatermark();
    }

    @Override
    public void processWatermark(Watermark mark) throws Exception {
        if (ended) {
            output.emitWatermark(mark);
            return;
        }
        watermarks.offer(mark.getTimestamp());
        sendWatermark();
    }

    @Override
    public void processWatermarkStatus(WatermarkStatus status) throws Exception {
        if (!watermarks.holdBack(status)) {
            output.emitWatermarkStatus(status);
        }
    }

    private void sendWatermark() throws IOException, InterruptedException {
        if (watermarks.isDue() && batcher.isEmpty()) {
            worker.send(FrameType.WATERMARK, watermarks.take());
        }
    }

    // 1
    @Override
    public void prepareSnapshotPreBarrier(long checkpoint) throws Exception {
        if (finished) {
            return;
        }
        flush();
        snapshots.begin(checkpoint);
        barrier = checkpoint;
        reports.barrier();
        worker.send(FrameType.BARRIER, checkpoint);
        reports.aligned(await(() -> aligned >= checkpoint || !snapshots.isOpen(checkpoint)));
    }

    // 2, 3
    @Override
    public OperatorSnapshotFutures snapshotState(
            long checkpoint, long timestamp, CheckpointOptions options, CheckpointStreamFactory streams)
            throws Exception {
        OperatorSnapshotFutures futures = super.snapshotState(checkpoint, timestamp, options, streams);
        futures.setOperatorStateRawFuture(
                finished
                        ? snapshots.arrived(streams, cancelables)
                        : snapshots.arriving(checkpoint, streams, cancelables));
        return futures;
    }

    // 4
    @Override
    public void notifyCheckpointComplete(long checkpoint) throws Exception {
        super.notifyCheckpointComplete(checkpoint);
        worker.send(FrameType.COMMIT, checkpoint);
        if (finished) {
            // The job may end with this checkpoint: not before its version is out.
            await(() -> answered >= checkpoint);
        }
    }

    // 4
    @Override
    public void notifyCheckpointAborted(long checkpoint) throws Exception {
        super.notifyCheckpointAborted(checkpoint);
        snapshots.abort(checkpoint);
        if (checkpoint <= barrier) {
            worker.send(FrameType.ABORT, checkpoint);
        }
    }

    // 6
    @Override
    public void endInput() throws Exception {
        flush();
        if (watermarks.isWaiting()) {
            worker.send(FrameType.WATERMARK, watermarks.take());
        }
        ended = true;
        worker.send(FrameType.END);
        await(() -> finished);
    }

    /** Waits for what a frame brings about, and lets the mailbox run meanwhile. Nanoseconds it took. */
    private long await(BooleanSupplier condition) throws IOException, InterruptedException {
        long begun = System.nanoTime();
        while (!condition.getAsBoolean()) {
            failIfLost();
            mailbox.yield();
        }
        return System.nanoTime() - begun;
    }

    private void failIfLost() throws IOException {
        IOException cause = loss;
        if (cause != null) {
            throw new IOException("the worker was lost", cause);
        }
    }

    /** Takes a frame in the reader's thread; what touches the operator's state or output goes on in the mailbox. */
    @Override
    public void receive(Frame frame) throws IOException, InterruptedException {
        switch (frame.type()) {
            case READY -> LOG.info("the worker is ready: {}", Json.parseObject(frame.remaining()));
            case SNAPSHOT -> snapshots.chunk(frame);
            case DURABLE -> reports.snapshot(snapshots.durable(frame));
            case METRICS -> reports.latest(frame);
            default -> post(() -> handle(frame), frame.type().name());
        }
    }

    @Override
    public void lost(IOException cause) {
        loss = cause;
        snapshots.failAll(cause);
        post(this::failIfLost, "the worker was lost");
    }

    private void post(ThrowingRunnable<Exception> mail, String name) {
        try {
            mailbox.execute(mail, name);
        } catch (RejectedExecutionException e) {
            LOG.debug("{} came after the task had ended", name);
        }
    }

    private void handle(Frame frame) throws Exception {
        switch (frame.type()) {
            case CREDIT -> credits += frame.payload().getInt();
            case SCORED -> reports.rowsOut(rows.scored(frame, output));
            case REJECT -> rows.rejected(frame, output);
            case ALIGNED -> {
                aligned = Math.max(aligned, frame.payload().getLong());
                LogContext.aligned(aligned);
            }
            case WATERMARK_OUT -> pass(frame.payload().getLong());
            case VERSION -> answer(Json.parseObject(frame.remaining()));
            case FINISHED -> {
                reports.last(frame);
                finished = true;
            }
            default -> throw new IllegalStateException("no handler for " + frame.type());
        }
    }

    private void pass(long millis) throws Exception {
        watermarks.passed(millis);
        output.emitWatermark(new Watermark(millis));
        WatermarkStatus status = watermarks.releaseStatus();
        if (status != null) {
            output.emitWatermarkStatus(status);
        }
        sendWatermark();
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

    @Override
    public void close() throws Exception {
        if (worker != null) {
            // A failed task has no use for what is under way: its restart makes it good.
            boolean failed = loss != null || getContainingTask().isFailing();
            // Cancelled between BARRIER and its future: nobody else would let the reader go on, which waits for room.
            snapshots.failAll(new IOException("the task has ended"));
            worker.close(failed ? 0 : settings.limits().stopMs());
        }
        super.close();
    }
}
