package org.dlonflink.main;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.Main;
import org.dlonflink.json.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The process from outside: its streams, its signals, its exit code. */
class MainTest {
    private static final int ENDLESS = 1_000_000;

    @TempDir
    private Path directory;

    /** A JVM with a job that runs, and the worker of it. */
    private record Running(Process java, BufferedReader events, String job, ProcessHandle worker) {}

    private Running start(TestPlan plan) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "--add-opens=java.base/java.util=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-Djava.io.tmpdir=" + directory,
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                plan.write().toString());
        builder.redirectError(directory.resolve("stderr").toFile());
        Process java = builder.start();
        BufferedReader events = java.inputReader(StandardCharsets.UTF_8);
        String rest = Json.parseObject(events.readLine()).path("rest").asText();
        String job = Json.parseObject(events.readLine()).path("job_id").asText();
        awaitCommit(plan);
        return new Running(
                java,
                events,
                rest + "/jobs/" + job,
                java.descendants().findFirst().orElseThrow());
    }

    /** Waits until the worker has said that it was sent a COMMIT. */
    private void awaitCommit(TestPlan plan) throws Exception {
        try (WatchService changes = directory.getFileSystem().newWatchService()) {
            directory.register(changes, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_MODIFY);
            while (!Files.exists(plan.log()) || !plan.logged().contains("commit ")) {
                WatchKey key = changes.poll(30, TimeUnit.SECONDS);
                assertThat(key).as("the worker says nothing").isNotNull();
                key.pollEvents();
                key.reset();
            }
        }
    }

    private TestPlan plan() {
        return new TestPlan(directory).count(ENDLESS, 1_000);
    }

    private static void ends(Running running, int code) throws Exception {
        assertThat(running.java().waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(running.java().exitValue()).isEqualTo(code);
        ends(running.worker());
        // No event of a failure: to be stopped is none.
        assertThat(running.events().readLine()).isNull();
    }

    /** Gone, or a zombie that nobody collects, which has no command. */
    private static void ends(ProcessHandle worker) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (worker.isAlive() && worker.info().command().isPresent()) {
            assertThat(System.nanoTime()).as("the worker runs on").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Test
    void sigtermCancelsTheJobAndTheWorkerEndsInPeace() throws Exception {
        TestPlan plan = plan();
        Running running = start(plan);
        running.java().toHandle().destroy();
        ends(running, 143);
        assertThat(plan.logged()).endsWith("stop\n");
    }

    @Test
    void aWorkerThatDoesNotEndIsKilled() throws Exception {
        TestPlan plan = plan();
        plan.behaviour.put("linger", true);
        plan.operator.put("stop_ms", 500);
        Running running = start(plan);
        running.java().toHandle().destroy();
        ends(running, 143);
    }

    @Test
    void theEndOfStandardInputIsTheEnd() throws Exception {
        Running running = start(plan());
        running.java().getOutputStream().close();
        ends(running, 143);
    }

    /** The worker gets its COMMIT and then its STOP; there is no report, for the input has not ended. */
    @Test
    void aStopWithSavepointFinishesTheRun() throws Exception {
        TestPlan plan = plan();
        Running running = start(plan);
        String body =
                "{\"targetDirectory\": \"" + directory.resolve("savepoints").toUri() + "\", \"drain\": false}";
        HttpRequest stop = HttpRequest.newBuilder(URI.create(running.job() + "/stop"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        HttpClient.newHttpClient().send(stop, HttpResponse.BodyHandlers.discarding());
        ObjectNode finished = Json.parseObject(running.events().readLine());
        assertThat(finished.path("event").asText()).isEqualTo("finished");
        assertThat(finished.path("report").isNull()).isTrue();
        ends(running, 0);
        assertThat(plan.logged()).containsPattern("commit \\d+ published\nstop\n$");
    }

    @Test
    void whenJavaIsKilledTheWorkerEnds() throws Exception {
        Running running = start(plan());
        running.java().toHandle().destroyForcibly();
        ends(running.worker());
    }

    @Test
    void saysHowItIsUsed() throws Exception {
        List<String> command = List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName());
        Process java = new ProcessBuilder(command).start();
        assertThat(java.errorReader().lines()).containsExactly("usage: org.dlonflink.Main PLAN.json");
        assertThat(java.waitFor()).isEqualTo(2);
    }
}
