package org.dlonflink.operator;

import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.wire.Frame;
import org.dlonflink.wire.FrameType;

/**
 * What the worker may say now: the order in contract/README.md, section 2. An ALIGNED for a barrier that was never sent, a
 * watermark that overtakes, a FINISHED before END would each part model and stream in silence; here they end the task.
 *
 * <p>Told of sent frames by the mailbox and of received ones by the reader's thread. No I/O.
 */
final class Conversation {
    /** Far beyond what a worker grants; below it no count of credits overflows. */
    private static final int MOST_CREDITS = 1 << 16;

    private boolean ready;
    private boolean ended;
    private boolean lastSnapshot;
    private boolean finished;
    private long credits;
    private long sentWatermark = Long.MIN_VALUE;
    private long passedWatermark = Long.MIN_VALUE;

    /** Sent and not yet answered by ALIGNED. */
    private final Set<Long> barriers = new HashSet<>();

    /** Aligned, and their snapshots not yet durable. */
    private final TreeSet<Long> copies = new TreeSet<>();

    /** Sent and not yet answered by VERSION. */
    private final Set<Long> commits = new HashSet<>();

    /** A frame goes out; {@code number} is its checkpoint or time, where it has one. */
    synchronized void sent(FrameType type, long number) {
        switch (type) {
            case BATCH -> credits--;
            case BARRIER -> barriers.add(number);
            case COMMIT -> commits.add(number);
            case WATERMARK -> sentWatermark = number;
            case END -> ended = true;
            default -> {}
        }
    }

    /** @throws FailureException (code protocol) if the frame may not come now */
    synchronized void received(Frame frame) throws FailureException {
        if (frame.type() == FrameType.READY) {
            require(!ready, frame, "one READY", "another");
            ready = true;
            return;
        }
        require(ready, frame, "READY before all else", "none");
        switch (frame.type()) {
            case CREDIT -> credit(frame, frame.payload().getInt(0));
            case SCORED, REJECT -> require(!finished, frame, "no more rows after FINISHED", "some");
            case ALIGNED -> aligned(frame, number(frame));
            case SNAPSHOT -> copied(frame, number(frame));
            case DURABLE -> durable(frame, number(frame));
            case VERSION -> version(frame);
            case WATERMARK_OUT -> watermark(frame, number(frame));
            case FINISHED -> {
                require(lastSnapshot && !finished, frame, "END, then the final snapshot", "no such");
                finished = true;
            }
            default -> {}
        }
    }

    private void credit(Frame frame, int batches) throws FailureException {
        boolean sane = batches > 0 && credits + batches <= MOST_CREDITS;
        require(sane, frame, "1 to " + MOST_CREDITS + " batches", batches + ", and " + credits + " before");
        credits += batches;
    }

    private void aligned(Frame frame, long checkpoint) throws FailureException {
        require(barriers.remove(checkpoint), frame, "a checkpoint whose barrier was sent", checkpoint);
        copies.add(checkpoint);
    }

    private void copied(Frame frame, long checkpoint) throws FailureException {
        boolean open = checkpoint == SnapshotTransfer.FINAL ? ended && !lastSnapshot : copies.contains(checkpoint);
        require(open, frame, "a checkpoint that is aligned and not yet durable", checkpoint);
    }

    private void durable(Frame frame, long checkpoint) throws FailureException {
        copied(frame, checkpoint);
        if (checkpoint == SnapshotTransfer.FINAL) {
            lastSnapshot = true;
        } else {
            // The worker sends one snapshot after another: what is older was given up.
            copies.headSet(checkpoint, true).clear();
        }
    }

    private void version(Frame frame) throws FailureException {
        long checkpoint = frame.json().path("checkpoint").asLong();
        require(commits.remove(checkpoint), frame, "a checkpoint whose COMMIT was sent", checkpoint);
    }

    private void watermark(Frame frame, long millis) throws FailureException {
        boolean inOrder = passedWatermark <= millis && millis <= sentWatermark;
        require(inOrder, frame, "at most " + sentWatermark + ", at least " + passedWatermark, millis);
        passedWatermark = millis;
    }

    private static long number(Frame frame) {
        return frame.payload().getLong(0);
    }

    private static void require(boolean holds, Frame frame, String expected, Object got) throws FailureException {
        if (!holds) {
            throw Failure.of("protocol", "the worker sent " + frame.type() + " out of order")
                    .where("the socket from the worker")
                    .expected(expected)
                    .got(String.valueOf(got))
                    .fix("this is a bug of ours: please report it")
                    .exception();
        }
    }
}
