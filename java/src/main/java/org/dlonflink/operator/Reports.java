package org.dlonflink.operator;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MeterView;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.operators.StreamingRuntimeContext;
import org.dlonflink.json.Json;
import org.dlonflink.wire.Frame;

/**
 * What the job tells of itself: what the operator counts, the worker's latest report (whole as {@code dlonflink.report},
 * JSON, and each of its figures by itself), and the last report, which outlives the job as the accumulator
 * {@link #ACCUMULATOR}. The names are in docs/metrics.md.
 */
public final class Reports {
    public static final String ACCUMULATOR = "dlonflink.report";

    private final Account account;
    private final int attempt;
    private final LastReport last = new LastReport();
    private final Counter rowsIn;
    private final Counter rowsOut;
    private final Counter batches;
    private final Counter bytes;
    private final Counter published;
    private final Counter publishFailures;
    private final WorkerFigures figures;
    private volatile String latest = "{}";
    private volatile long waited;
    private volatile long barrierAt;
    private volatile long alignMillis;
    private volatile long snapshotMillis;
    private volatile long snapshotBytes;
    private volatile long busyMillis;

    Reports(StreamingRuntimeContext context, MetricGroup operator, Account account) {
        this.account = account;
        attempt = context.getTaskInfo().getAttemptNumber();
        MetricGroup group = operator.addGroup("dlonflink");
        rowsIn = group.counter("rowsIn");
        rowsOut = group.counter("rowsOut");
        batches = group.counter("batches");
        bytes = group.counter("bytes");
        group.gauge("waitMillis", (Gauge<Long>) () -> TimeUnit.NANOSECONDS.toMillis(waited));
        published = group.counter("versionsPublished");
        publishFailures = group.counter("publishFailures");
        group.meter("rowsInPerSecond", new MeterView(rowsIn));
        group.gauge("alignMillis", (Gauge<Long>) () -> alignMillis);
        group.gauge("snapshotMillis", (Gauge<Long>) () -> snapshotMillis);
        group.gauge("snapshotBytes", (Gauge<Long>) () -> snapshotBytes);
        group.gauge("busyMillis", (Gauge<Long>) () -> busyMillis);
        group.gauge("report", (Gauge<String>) () -> latest);
        figures = new WorkerFigures(group);
        context.addAccumulator(ACCUMULATOR, last);
    }

    void rowsIn(long rows) {
        rowsIn.inc(rows);
        account.add(rows);
    }

    void rowsOut(int rows) {
        rowsOut.inc(rows);
    }

    /** Counts a batch, which ends at the buffer's position; gives it back. */
    ByteBuffer batch(ByteBuffer batch) {
        batches.inc();
        bytes.inc(batch.position());
        return batch;
    }

    /** A batch may go out now: the worker's back-pressure. */
    void waited(long nanos) {
        waited += nanos;
    }

    void barrier() {
        barrierAt = System.nanoTime();
    }

    void aligned(long nanos) {
        alignMillis = TimeUnit.NANOSECONDS.toMillis(nanos);
    }

    /** Called by the reader's thread: the snapshot that began at the newest barrier is here. */
    void snapshot(long length) {
        snapshotMillis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - barrierAt);
        snapshotBytes = length;
    }

    /** What became of a version. */
    void version(ObjectNode answer) {
        switch (answer.path("outcome").asText()) {
            case "published" -> published.inc();
            case "failed" -> publishFailures.inc();
            default -> {}
        }
    }

    /** A READY frame; called by the reader's thread. */
    ObjectNode ready(Frame frame) throws IOException {
        ObjectNode ready = frame.json();
        account.restored(ready.path("received").asLong());
        return ready;
    }

    /** A HEARTBEAT frame; called by the reader's thread. */
    void heartbeat(Frame frame) {
        busyMillis = frame.payload().getLong();
    }

    /** A METRICS frame; called by the reader's thread. */
    void latest(Frame frame) throws IOException {
        take(frame.json());
    }

    /** A FINISHED frame; FailureException if a row is unaccounted for. */
    void last(Frame frame) throws IOException {
        ObjectNode report = frame.json();
        account.close(report);
        take(report);
        last.add(latest);
    }

    private void take(ObjectNode report) {
        account.enter(report);
        figures.take(report);
        // Not a figure of the worker's: which of its lives this is, so how often the job was restarted.
        latest = Json.write(report.put("attempt", attempt));
    }
}
