package org.dlonflink.operator;

import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;

/**
 * Counts the rows that come in, and holds the worker to them: each is learned, rejected or in flight. Written by the
 * mailbox, but for {@link #restored}.
 */
final class Account {
    private final AtomicLong received = new AtomicLong();

    /** READY, before the first row: what had come when the restored snapshot was taken. */
    void restored(long rows) {
        received.set(rows);
    }

    void add(long rows) {
        // Nobody else writes, and who reads may be a row behind: no need for a fence with every row.
        received.lazySet(received.getPlain() + rows);
    }

    /** Since the beginning of the stream, over restores. */
    long received() {
        return received.get();
    }

    /** Adds to a report of the worker's what it cannot know. */
    void enter(ObjectNode report) {
        long came = received();
        report.put("received", came);
        report.put("in_flight", came - settled(report));
    }

    /** @throws FailureException (code protocol) if the last report leaves a row out, or has one twice */
    void close(ObjectNode report) throws FailureException {
        if (received() != settled(report)) {
            throw Failure.of("protocol", "the accounts of rows do not balance")
                    .where("the end of the stream, after restores and all")
                    .expected(received() + " rows, as many as came in")
                    .got(report.path("rows").asLong() + " learned, "
                            + report.path("rejected").asLong() + " rejected")
                    .fix("this is a bug of ours: please report it")
                    .exception();
        }
    }

    private static long settled(ObjectNode report) {
        return report.path("rows").asLong() + report.path("rejected").asLong();
    }
}
