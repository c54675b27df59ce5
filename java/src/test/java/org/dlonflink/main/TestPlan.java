package org.dlonflink.main;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.json.Json;

/** A plan whose source counts from 1 and whose worker is fake_worker.py; a test changes what it is about. */
final class TestPlan {
    final ObjectNode root = Json.object();
    final ObjectNode job = root.put("version", 1).putObject("job");
    final ObjectNode flink = job.putObject("flink");
    final ObjectNode operator = job.putObject("operator");
    final ObjectNode behaviour = Json.object();
    String program = "python3";
    private final Path directory;

    TestPlan(Path directory) {
        this.directory = directory;
        root.putArray("worker").addObject().put("rate", 0.1);
        job.put("name", "counting")
                .put("run", "r1")
                .put("target", "embedded")
                .put("slots", 1)
                .put("learners", 1);
        job.put("detached", false).putNull("files");
        flink.put("parallelism.default", "1");
        flink.put("pipeline.object-reuse", "true");
        flink.put("execution.checkpointing.interval", "100 ms");
        flink.put(
                "execution.checkpointing.dir",
                directory.resolve("checkpoints").toUri().toString());
        flink.put("restart-strategy.type", "fixed-delay");
        flink.put("restart-strategy.fixed-delay.attempts", "1");
        flink.put("restart-strategy.fixed-delay.delay", "10 ms");
        flink.put("taskmanager.memory.managed.size", "1m");
        flink.put("taskmanager.memory.network.min", "16m");
        flink.put("taskmanager.memory.network.max", "16m");
        operator.put("batch_rows", 256).put("batch_bytes", 1 << 20).put("batch_ms", 20);
        operator.put("frame_bytes", 1 << 22).put("start_ms", 20_000).put("stop_ms", 2_000);
        operator.put("silence_ms", 20_000).put("step_ms", 60_000);
        job.putObject("environment").put("PYTHONUNBUFFERED", "1");
        job.put("log", log().toString());
        count(3_000, 3_000);
        job.put("query", "SELECT id FROM numbers");
        job.put("input", "rows");
        job.putArray("scored");
        job.putNull("sink");
        job.putNull("rejects");
    }

    /** The source: so many rows, at so many a second. */
    TestPlan count(int rows, int perSecond) {
        job.putArray("statements");
        return statement("CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '" + rows
                + "', 'rows-per-second' = '" + perSecond + "', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', "
                + "'fields.id.end' = '" + rows + "')");
    }

    TestPlan statement(String sql) {
        job.withArray("statements").add(sql);
        return this;
    }

    /** Call after count. Scored rows are the rows themselves, into the table that the test can look at. */
    TestPlan echo() {
        behaviour.put("echo", true);
        job.putArray("scored").addObject().put("name", "id").put("type", "BIGINT");
        job.putObject("sink").put("table", "out_rows").putNull("files");
        statement("CREATE TABLE out_rows (id BIGINT) WITH ('connector' = 'collect')");
        return this;
    }

    Path log() {
        return directory.resolve("worker.log");
    }

    String logged() throws IOException {
        return Files.readString(log());
    }

    String json() {
        Path script = Path.of("src/test/resources/fake_worker.py").toAbsolutePath();
        job.putArray("command").add(program).add(script.toString()).add(Json.write(behaviour));
        return Json.write(root);
    }

    Path write() throws IOException {
        return Files.writeString(directory.resolve("plan.json"), json());
    }
}
