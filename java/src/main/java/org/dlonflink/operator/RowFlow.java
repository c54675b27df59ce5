package org.dlonflink.operator;

import java.io.IOException;
import org.apache.flink.streaming.api.operators.Output;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.table.data.RowData;
import org.dlonflink.wire.Frame;
import org.dlonflink.wire.FrameType;

/** Rows on their way to the worker and back, and the watermarks among them. Used by the mailbox alone. */
final class RowFlow {
    private final WorkerLink worker;
    private final TaskMailbox mailbox;
    private final Reports reports;
    private final Output<StreamRecord<RowData>> output;
    private final Input input;
    private final RowOutput rows;
    private final Watermarks watermarks = new Watermarks();
    private int credits;
    private boolean ended;

    RowFlow(
            TrainSettings settings,
            WorkerLink worker,
            TaskMailbox mailbox,
            Reports reports,
            Output<StreamRecord<RowData>> output,
            ProcessingTimeService time) {
        this.worker = worker;
        this.mailbox = mailbox;
        this.reports = reports;
        this.output = output;
        input = settings.values()
                ? new WholeValue(settings.limits().frameBytes())
                : new RowBatcher(settings, time, this::flush);
        rows = new RowOutput(settings.scored());
    }

    void add(RowData row) throws Exception {
        boolean due = input.add(row);
        reports.rowsIn(input.added());
        if (due) {
            flush();
        }
    }

    /** Sends what has been gathered, once the worker takes it. */
    void flush() throws IOException, InterruptedException {
        // A timer may flush the batch while this yields: so look again.
        reports.waited(mailbox.await(() -> credits > 0 || input.isEmpty()));
        if (!input.isEmpty()) {
            credits--;
            worker.send(FrameType.BATCH, reports.batch(input.finish(worker.buffer())));
        }
        sendWatermark();
    }

    void add(Watermark mark) throws IOException, InterruptedException {
        if (ended) {
            output.emitWatermark(mark);
            return;
        }
        watermarks.offer(mark.getTimestamp());
        sendWatermark();
    }

    void add(WatermarkStatus status) {
        if (!watermarks.holdBack(status)) {
            output.emitWatermarkStatus(status);
        }
    }

    /** The input is over. */
    void end() throws IOException, InterruptedException {
        flush();
        if (watermarks.isWaiting()) {
            worker.send(FrameType.WATERMARK, watermarks.take());
        }
        ended = true;
        worker.send(FrameType.END);
    }

    /** CREDIT, SCORED, REJECT, WATERMARK_OUT. */
    void handle(Frame frame) throws IOException, InterruptedException {
        switch (frame.type()) {
            case CREDIT -> credits += frame.payload().getInt();
            case SCORED -> reports.rowsOut(rows.scored(frame, output));
            case REJECT -> rows.rejected(frame, output);
            case WATERMARK_OUT -> pass(frame.payload().getLong());
            default -> throw new IllegalStateException("no frame of rows: " + frame.type());
        }
    }

    private void pass(long millis) throws IOException, InterruptedException {
        watermarks.passed(millis);
        output.emitWatermark(new Watermark(millis));
        WatermarkStatus status = watermarks.releaseStatus();
        if (status != null) {
            output.emitWatermarkStatus(status);
        }
        sendWatermark();
    }

    private void sendWatermark() throws IOException, InterruptedException {
        if (watermarks.isDue() && input.isEmpty()) {
            worker.send(FrameType.WATERMARK, watermarks.take());
        }
    }
}
