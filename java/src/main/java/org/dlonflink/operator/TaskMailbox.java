package org.dlonflink.operator;

import java.io.IOException;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BooleanSupplier;
import javax.annotation.Nullable;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.util.function.ThrowingRunnable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The task's mailbox, in which the operator waits for the worker; a worker that is lost ends every wait. */
final class TaskMailbox {
    private static final Logger LOG = LoggerFactory.getLogger(TaskMailbox.class);

    private final MailboxExecutor executor;

    @Nullable
    private volatile IOException loss;

    TaskMailbox(MailboxExecutor executor) {
        this.executor = executor;
    }

    /** Waits for what a frame brings about, and lets the mailbox run meanwhile. Nanoseconds it took. */
    long await(BooleanSupplier condition) throws IOException, InterruptedException {
        long begun = System.nanoTime();
        while (!condition.getAsBoolean()) {
            failIfLost();
            executor.yield();
        }
        return System.nanoTime() - begun;
    }

    /** May be called by any thread. */
    void post(ThrowingRunnable<Exception> mail, String name) {
        try {
            executor.execute(mail, name);
        } catch (RejectedExecutionException e) {
            LOG.debug("{} came after the task had ended", name);
        }
    }

    /** The worker is lost: fails the task. May be called by any thread. */
    void lost(IOException cause) {
        loss = cause;
        post(this::failIfLost, "the worker was lost");
    }

    boolean isLost() {
        return loss != null;
    }

    private void failIfLost() throws IOException {
        IOException cause = loss;
        if (cause != null) {
            throw new IOException("the worker was lost", cause);
        }
    }
}
