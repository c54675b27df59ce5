package org.dlonflink.main;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.util.SerializedThrowable;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;
import org.dlonflink.secret.Redaction;

/** Tells the process that started us how the run goes: one JSON object a line. */
@Internal
public final class Events {
    private final PrintStream out;

    public Events(PrintStream out) {
        this.out = out;
    }

    void cluster(String rest, @Nullable String metrics) {
        ObjectNode event = event("cluster");
        event.put("rest", rest);
        event.put("metrics", metrics);
        write(event);
    }

    void submitted(String jobId) {
        ObjectNode event = event("submitted");
        event.put("job_id", jobId);
        write(event);
    }

    void finished(@Nullable ObjectNode report, @Nullable Long checkpoints) {
        ObjectNode event = event("finished");
        event.put("checkpoints", checkpoints);
        event.set("report", report);
        write(event);
    }

    void failed(Stage stage, Throwable failure) {
        ObjectNode event = event("failed");
        event.put("stage", stage.word());
        event.set("error", FailureException.find(failure).orElse(null));
        Throwable root = failure;
        ArrayNode causes = Json.object().arrayNode();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            causes.add(className(cause) + ": " + message(cause));
            root = cause;
        }
        event.put("type", className(root));
        event.put("message", message(root));
        event.set("causes", causes);
        event.put("stack", stack(failure));
        write(event);
    }

    private static ObjectNode event(String name) {
        return Json.object().put("event", name);
    }

    /** A {@code null} argument of set() becomes a JSON null. */
    private synchronized void write(ObjectNode event) {
        byte[] line = (Redaction.json(event) + "\n").getBytes(StandardCharsets.UTF_8);
        out.write(line, 0, line.length);
        out.flush();
    }

    /** What it was before Flink made it fit for another class loader. */
    private static String className(Throwable cause) {
        return cause instanceof SerializedThrowable serialized
                ? serialized.getOriginalErrorClassName()
                : cause.getClass().getName();
    }

    /** SerializedThrowable puts the class before the message. */
    private static String message(Throwable cause) {
        String message = String.valueOf(cause.getMessage());
        String prefix = className(cause) + ": ";
        return cause instanceof SerializedThrowable && message.startsWith(prefix)
                ? message.substring(prefix.length())
                : message;
    }

    private static String stack(Throwable failure) {
        StringWriter text = new StringWriter();
        failure.printStackTrace(new PrintWriter(text));
        return text.toString();
    }
}
