package org.dlonflink.log;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.flink.annotation.Internal;
import org.slf4j.MDC;

/**
 * What every line of a task's log says of the run: the logging framework's context of the thread (MDC). Set in the task's
 * thread, handed on to those that it starts; docs/metrics.md says how a cluster's own pattern shows it.
 */
@Internal
public final class LogContext {
    private static final String NAME = "dlonflink-name";
    private static final String RUN = "dlonflink-run";
    private static final String ATTEMPT = "dlonflink-attempt";
    private static final String CHECKPOINT = "dlonflink-checkpoint";

    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSSX").withZone(ZoneOffset.UTC);

    private LogContext() {}

    /** @param restored checkpoint, where there is one */
    public static void enter(String name, String run, int attempt, OptionalLong restored) {
        MDC.put(NAME, name);
        MDC.put(RUN, run);
        MDC.put(ATTEMPT, String.valueOf(attempt));
        MDC.remove(CHECKPOINT);
        restored.ifPresent(LogContext::aligned);
    }

    /** The newest checkpoint that the worker is aligned at: what follows is about rows after it. */
    public static void aligned(long checkpoint) {
        MDC.put(CHECKPOINT, String.valueOf(checkpoint));
    }

    /** The same for a thread that this one is about to start. */
    public static Runnable handedOn(Runnable run) {
        Map<String, String> context = MDC.getCopyOfContextMap();
        return () -> {
            if (context != null) {
                MDC.setContextMap(context);
            }
            run.run();
        };
    }

    /** A line of the worker's log, in the form that the worker writes, for the time before it does. */
    public static String line(String name, String run, int attempt, String message) {
        return TIME.format(Instant.now()) + " INFO  " + name + " run=" + run + " attempt=" + attempt
                + " checkpoint=- dlonflink.worker: " + message;
    }
}
