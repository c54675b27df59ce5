package org.dlonflink.operator;

import java.util.Base64;
import org.apache.flink.api.common.TaskInfo;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.util.RawValue;
import org.dlonflink.arrow.ArrowSchema;
import org.dlonflink.json.Json;

/** The payload of HELLO. */
final class Hello {
    /** Raised with every change of the frames that the other side would misread. */
    private static final int PROTOCOL = 2;

    private Hello() {}

    static ObjectNode of(TrainSettings settings, RuntimeContext context, boolean restore) {
        TaskInfo task = context.getTaskInfo();
        ObjectNode hello = Json.object();
        hello.put("protocol", PROTOCOL);
        hello.put("job", settings.name());
        hello.put("run", settings.run());
        hello.put("role", "train");
        hello.put("index", task.getIndexOfThisSubtask());
        hello.put("parallelism", task.getNumberOfParallelSubtasks());
        hello.put("attempt", task.getAttemptNumber());
        hello.put("schema", Base64.getEncoder().encodeToString(ArrowSchema.message(settings.rows())));
        hello.putRawValue("worker", new RawValue(settings.worker()));
        hello.put("restore", restore);
        hello.put("files", settings.files() ? directory(context) : null);
        hello.putObject("limits")
                .put("frame_bytes", settings.limits().frameBytes())
                .put("step_ms", settings.limits().stepMs());
        return hello;
    }

    /** Waits until the files have come. */
    private static String directory(RuntimeContext context) {
        return context.getDistributedCache().getFile(TrainSettings.FILES).getAbsolutePath();
    }
}
