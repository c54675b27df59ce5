package org.dlonflink.operator;

import javax.annotation.Nullable;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;

/**
 * Which watermark waits for what. One waits here until the rows before it have left in their batch, then at the worker
 * until what came of them is out. At most one is at the worker, so that a slow worker is not sent many. Used by the
 * mailbox alone.
 */
final class Watermarks {
    private boolean waits;
    private long waiting;
    private boolean away;
    private long sent;

    @Nullable
    private WatermarkStatus status;

    void offer(long millis) {
        waits = true;
        waiting = millis;
    }

    /** True if {@link #take} may give one to the worker, provided that the rows before it have gone. */
    boolean isDue() {
        return waits && !away;
    }

    /** True if one waits here, whatever is at the worker. */
    boolean isWaiting() {
        return waits;
    }

    long take() {
        waits = false;
        away = true;
        sent = waiting;
        return sent;
    }

    /** The worker has let one pass; it may pass over those which a later one stands for. */
    void passed(long millis) {
        away = millis < sent;
    }

    /** Keeps a status behind the watermarks that came before it; false where there are none, so that it can go at once. */
    boolean holdBack(WatermarkStatus next) {
        if (waits || away) {
            status = next;
            return true;
        }
        return false;
    }

    /** The status whose turn it is; null where there is none. */
    @Nullable
    WatermarkStatus releaseStatus() {
        if (waits || away) {
            return null;
        }
        WatermarkStatus released = status;
        status = null;
        return released;
    }
}
