package org.dlonflink.failure;

import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.util.ExceptionUtils;
import org.dlonflink.json.Json;
import org.dlonflink.secret.Redaction;

/**
 * Carries a {@link Failure}, or the worker's ERROR frame, as JSON in its message: Flink turns exceptions into
 * {@code SerializedThrowable} and REST into text, and of all that an exception holds only the message survives both.
 */
@Internal
public sealed class FailureException extends IOException permits LastingFailureException {
    private static final long serialVersionUID = 1L;

    private static final String MARK = "dlonflink-error: ";

    /**
     * The codes of what would come again after a restart: what the plan, the set-up or the data says is wrong. And of what
     * must not be tried again: a run that was fenced off would, restarted, take the store back from the later one.
     */
    private static final Set<String> LASTING =
            Set.of("pipeline", "setup", "data", "schema", "rejects", "sql", "protocol", "resume", "fenced");

    @Nullable
    private static volatile FailureException newest;

    FailureException(ObjectNode error, @Nullable Throwable cause) {
        super(MARK + Redaction.json(error), cause);
        newest = this;
    }

    /**
     * What stands behind a job's failure, where all tasks ran in this JVM. Flink tells of the failure that it heard of
     * first, which may be a mere consequence: an event for a task that has just failed cannot be delivered, and then what
     * the task itself failed with is nowhere in Flink's account.
     */
    public static Throwable behind(Throwable failure) {
        FailureException own = newest;
        boolean consequence = ExceptionUtils.findThrowableWithMessage(failure, "Task is not running")
                .isPresent();
        return own != null && consequence && find(failure).isEmpty() ? own : failure;
    }

    /** @param error the members of an ERROR frame */
    public static FailureException of(ObjectNode error, @Nullable Throwable cause) {
        return LASTING.contains(error.path("code").asText())
                ? new LastingFailureException(error, cause)
                : new FailureException(error, cause);
    }

    /** The JSON of the innermost failure in the chain of causes: what happened first, whatever was made of it since. */
    public static Optional<ObjectNode> find(Throwable failure) {
        ObjectNode found = null;
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            ObjectNode json = parse(cause.getMessage());
            found = json == null ? found : json;
        }
        return Optional.ofNullable(found);
    }

    @Nullable
    private static ObjectNode parse(@Nullable String message) {
        int start = message == null ? -1 : message.indexOf(MARK);
        if (start < 0) {
            return null;
        }
        String line =
                message.substring(start + MARK.length()).lines().findFirst().orElse("");
        try {
            return Json.parseObject(line);
        } catch (IOException e) {
            // Someone quoted the mark; the chain may still hold the real one.
            return null;
        }
    }
}
