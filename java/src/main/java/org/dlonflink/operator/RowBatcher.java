package org.dlonflink.operator;

import java.nio.ByteBuffer;
import org.apache.flink.streaming.runtime.tasks.ProcessingTimeService;
import org.apache.flink.table.data.RowData;
import org.dlonflink.arrow.ArrowEncoder;

/** Gathers rows until a limit of rows, bytes or time says that the batch goes out. Used by the mailbox alone. */
final class RowBatcher implements Input {
    /** Sends the batch; may yield, and meanwhile be called again. */
    interface Flush {
        void run() throws Exception;
    }

    private final ArrowEncoder encoder;
    private final TrainSettings settings;
    private final ProcessingTimeService time;
    private final Flush flush;
    private long firstRowAt;
    private boolean timerSet;

    RowBatcher(TrainSettings settings, ProcessingTimeService time, Flush flush) {
        this.settings = settings;
        this.time = time;
        this.flush = flush;
        encoder = new ArrowEncoder(settings.rows(), settings.limits().batchRows());
    }

    /** Copies the row. */
    @Override
    public boolean add(RowData row) {
        if (encoder.rows() == 0) {
            firstRowAt = time.getCurrentProcessingTime();
            if (!timerSet) {
                setTimer(settings.limits().batchMs());
            }
        }
        boolean full = encoder.write(row);
        return full || encoder.bytes() >= settings.limits().batchBytes();
    }

    @Override
    public boolean isEmpty() {
        return encoder.rows() == 0;
    }

    @Override
    public ByteBuffer finish(ByteBuffer buffer) {
        return encoder.finish(buffer);
    }

    /** One timer lives on from batch to batch: setting one for each would cost more, the faster the stream is. */
    private void setTimer(long millis) {
        timerSet = true;
        time.registerTimer(time.getCurrentProcessingTime() + millis, now -> onTimer());
    }

    private void onTimer() throws Exception {
        timerSet = false;
        if (isEmpty()) {
            return;
        }
        long left = firstRowAt + settings.limits().batchMs() - time.getCurrentProcessingTime();
        if (left <= 0) {
            flush.run();
        } else {
            setTimer(left);
        }
    }
}
