package org.dlonflink.main;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.json.Json;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole runs: an embedded cluster, and a worker in another process that counts and adds up what it is sent. */
class JobRunTest {
    private static final int ROWS = 3_000;
    private static final long SUM = LongStream.rangeClosed(1, ROWS).sum();

    @TempDir
    private Path directory;

    private TestPlan plan;

    @BeforeEach
    void prepare() {
        plan = new TestPlan(directory);
        CollectSinkFactory.ROWS.clear();
    }

    private List<ObjectNode> run(int expectedCode) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int code = new JobRun(new Events(new PrintStream(out, true, StandardCharsets.UTF_8))).run(plan.write());
        List<ObjectNode> events = new ArrayList<>();
        for (String line : out.toString(StandardCharsets.UTF_8).split("\n")) {
            events.add(Json.parseObject(line));
        }
        assertThat(code).as(out.toString(StandardCharsets.UTF_8)).isEqualTo(expectedCode);
        return events;
    }

    private void assertOneRestartAndEveryRow() throws IOException {
        JsonNode report = finished();
        assertThat(report.path("attempt").asInt()).isEqualTo(1);
        assertThat(report.path("rows").asInt()).isEqualTo(ROWS);
        assertThat(report.path("sum").asLong()).isEqualTo(SUM);
    }

    private JsonNode finished() throws IOException {
        List<ObjectNode> events = run(0);
        assertThat(events)
                .extracting(e -> e.path("event").asText())
                .containsExactly("cluster", "submitted", "finished");
        assertThat(events.get(2).path("checkpoints").asInt()).isPositive();
        return events.get(2).path("report");
    }

    private ObjectNode failed(String stage) throws IOException {
        List<ObjectNode> events = run(1);
        ObjectNode event = events.get(events.size() - 1);
        assertThat(event.path("event").asText()).isEqualTo("failed");
        assertThat(event.path("stage").asText()).as(Json.write(event)).isEqualTo(stage);
        return event;
    }

    private String code(ObjectNode event) {
        return event.path("error").path("code").asText();
    }

    @Test
    void everyRowIsLearnedAndScoredOnceAndTheLastVersionIsOut() throws IOException {
        plan.echo();
        plan.behaviour.put("pad", 3 << 20);
        JsonNode report = finished();
        assertThat(report.path("rows").asInt()).isEqualTo(ROWS);
        assertThat(report.path("sum").asLong()).isEqualTo(SUM);
        assertThat(report.path("watermark").asLong()).isEqualTo(Long.MAX_VALUE);
        assertThat(CollectSinkFactory.ROWS)
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, ROWS).boxed().toList());
        List<String> log = plan.logged().lines().toList();
        assertThat(log.get(0)).contains(" INFO  counting run=r1 attempt=0 checkpoint=- dlonflink.worker: ");
        assertThat(log.get(1)).contains("\"worker\": [{\"rate\": 0.1}]").contains("\"restore\": false");
        assertThat(log.get(log.size() - 2)).matches("commit \\d+ published");
        assertThat(log.get(log.size() - 1)).isEqualTo("stop");
    }

    @Test
    void aWorkerThatDiesIsRestoredFromTheLastCheckpoint() throws IOException {
        plan.count(ROWS, 1_000).echo();
        plan.behaviour.put("pad", 3 << 20).put("kill_after_commit", 1);
        assertOneRestartAndEveryRow();
        assertThat(plan.logged()).contains(" attempt=1 ").containsPattern("restored [1-9]\\d* ");
        // The sink of this test is at least once.
        assertThat(new TreeSet<>(CollectSinkFactory.ROWS)).hasSize(ROWS);
    }

    /** Nothing else sends a batch here than a barrier, which would leave its rows to no checkpoint. */
    @Test
    void whatIsGatheredGoesOutBeforeABarrier() throws IOException {
        plan.count(ROWS, 1_000);
        plan.operator.put("batch_rows", 100_000).put("batch_ms", 3_600_000);
        plan.behaviour.put("kill_after_commit", 1);
        assertOneRestartAndEveryRow();
    }

    @Test
    void aWorkerThatDiesBetweenAlignedAndItsSnapshotLosesNothing() throws IOException {
        plan.count(ROWS, 1_000); // time for three checkpoints, on a busy machine too
        plan.behaviour.put("kill_after_aligned", 3);
        assertOneRestartAndEveryRow();
    }

    @Test
    void aSlowSnapshotIsAbortedAndTheStreamRunsOn() throws IOException {
        plan.flink.put("execution.checkpointing.timeout", "200 ms");
        plan.flink.put("execution.checkpointing.tolerable-failed-checkpoints", "100");
        plan.count(ROWS, 1_000); // time for two checkpoints, on a busy machine too
        plan.behaviour.put("slow_at", 2);
        JsonNode report = finished();
        assertThat(report.path("attempt").asInt()).isZero();
        assertThat(report.path("sum").asLong()).isEqualTo(SUM);
        assertThat(plan.logged()).contains("abort 2").doesNotContain("commit 2 ");
    }

    @Test
    void scoredColumnsTakeTheirTypesFromTheQueryEvenEventTime() throws IOException {
        plan.job.putArray("statements");
        plan.statement("CREATE TABLE numbers (id BIGINT, ts AS TO_TIMESTAMP_LTZ(id, 3), WATERMARK FOR ts AS ts) WITH ("
                + "'connector' = 'datagen', 'number-of-rows' = '500', 'rows-per-second' = '5000', "
                + "'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '500')");
        plan.statement("CREATE TABLE out_rows (id BIGINT, ts TIMESTAMP_LTZ(3)) WITH ('connector' = 'collect')");
        plan.job.put("query", "SELECT id, ts FROM numbers");
        plan.job.putObject("sink").put("table", "out_rows").putNull("files");
        plan.job.putArray("scored").addObject().put("name", "id").putNull("type");
        plan.job.withArray("scored").addObject().put("name", "ts").putNull("type");
        plan.behaviour.put("echo", true);
        assertThat(finished().path("rows").asInt()).isEqualTo(500);
        assertThat(CollectSinkFactory.ROWS).hasSize(500);
    }

    @Test
    void theWorkersErrorIsTheJobs() throws IOException {
        plan.flink.put("restart-strategy.type", "none");
        plan.behaviour.put("error_at", 1_000);
        ObjectNode event = failed("job");
        assertThat(code(event)).isEqualTo("learner");
        assertThat(event.path("error").path("where").asText()).isEqualTo("row 7");
        assertThat(event.path("stack").asText()).contains("at org.");
    }

    @Test
    void theExitCodeAndTheLastLinesAreTheCauseWhereThereIsNoError() throws IOException {
        plan.behaviour.put("exit_first", 7);
        ObjectNode event = failed("job");
        assertThat(code(event)).isEqualTo("worker");
        assertThat(event.path("error").path("what").asText()).isEqualTo("the worker exited with code 7");
        assertThat(event.path("error").path("got").asText()).isEqualTo("one last word");
        assertThat(plan.logged().lines().filter(l -> l.endsWith(": the worker starts")))
                .hasSize(2);
    }

    @Test
    void aWorkerThatSaysNothingIsGivenUp() throws IOException {
        plan.flink.put("restart-strategy.type", "none");
        plan.operator.put("start_ms", 1_000);
        plan.behaviour.put("mute", true);
        ObjectNode event = failed("job");
        assertThat(event.path("error").path("what").asText())
                .containsAnyOf("did not say that it is ready", "did not connect");
    }

    @Test
    void aWorkerThatIsStoppedIsDeadAndTheJobGoesOn() throws IOException {
        plan.count(ROWS, 1_000);
        plan.operator.put("silence_ms", 1_000);
        plan.behaviour.put("stop_at", 500);
        assertOneRestartAndEveryRow();
    }

    @Test
    void aWorkerThatIsSilentIsTheCause() throws IOException {
        plan.flink.put("restart-strategy.type", "none");
        plan.operator.put("silence_ms", 1_000);
        plan.behaviour.put("stop_at", 500);
        ObjectNode event = failed("job");
        assertThat(code(event)).isEqualTo("worker");
        assertThat(event.path("error").path("what").asText())
                .startsWith("the worker has said nothing for 1 s: stopped, swapping, or in a call");
        assertThat(event.path("error").path("got").asText()).contains("stopped");
    }

    /** Its socket does not end, for a child has it too. */
    @Test
    void aWorkerThatDiesAndLeavesAChildIsMissed() throws IOException {
        plan.count(ROWS, 1_000);
        plan.behaviour.put("fork_at", 500);
        assertOneRestartAndEveryRow();
    }

    @Test
    void everyRowIsAccountedFor() throws IOException {
        plan.behaviour.put("kill_after_commit", 1);
        plan.count(ROWS, 1_000);
        JsonNode report = finished();
        assertThat(report.path("received").asLong()).isEqualTo(ROWS);
        assertThat(report.path("in_flight").asLong()).isZero();
    }

    @Test
    void aRowThatIsMissingAtTheEndFailsTheJob() throws IOException {
        plan.behaviour.put("lose", 2);
        ObjectNode event = failed("job");
        assertThat(code(event)).isEqualTo("protocol");
        assertThat(event.path("error").path("what").asText()).isEqualTo("the accounts of rows do not balance");
        assertThat(event.path("error").path("expected").asText()).startsWith("3000 rows");
        assertThat(event.path("error").path("got").asText()).isEqualTo("2998 learned, 0 rejected");
    }

    @Test
    void aProgramThatIsNotThereFailsWithoutRestarts() throws IOException {
        plan.flink.put("restart-strategy.fixed-delay.delay", "1 h");
        plan.program = "/no/such/python";
        ObjectNode event = failed("job");
        assertThat(code(event)).isEqualTo("setup");
        assertThat(event.path("error").path("where").asText()).isEqualTo("/no/such/python");
    }

    @Test
    void aSnapshotThatIsNotWhatWasSentIsRefused() throws IOException {
        plan.flink.put("execution.checkpointing.interval", "1 h");
        plan.flink.put("restart-strategy.type", "none");
        plan.behaviour.put("corrupt", true);
        assertThat(code(failed("job"))).isEqualTo("corruption");
    }

    @Test
    void aLastVersionThatIsNotPublishedFailsTheJob() throws IOException {
        plan.flink.put("restart-strategy.type", "none");
        plan.behaviour.put("publish", "failed");
        ObjectNode event = failed("job");
        assertThat(code(event)).isEqualTo("store");
        assertThat(event.path("error").path("got").asText()).isEqualTo("because");
    }

    @Test
    void scoredRowsOfAnotherTypeAreRefused() throws IOException {
        plan.behaviour.put("echo", true);
        ObjectNode event = failed("job");
        assertThat(code(event)).isEqualTo("protocol");
    }

    @Test
    void anSqlFailureNamesItsStatement() throws IOException {
        plan.statement("CREATE TABLE oops (a NUMBER) WITH ()");
        ObjectNode event = failed("sql");
        assertThat(code(event)).isEqualTo("sql");
        assertThat(event.path("error").path("where").asText()).startsWith("statement 2 of 2: CREATE TABLE oops");
    }

    @Test
    void aQueryOfNoSuchColumnNamesIt() throws IOException {
        plan.job.put("query", "SELECT nothing FROM numbers");
        ObjectNode event = failed("sql");
        assertThat(event.path("error").path("what").asText()).contains("nothing");
        assertThat(event.path("error").path("where").asText()).startsWith("the query: SELECT nothing");
    }

    @Test
    void aStatementMayNotStartAJob() throws IOException {
        plan.echo().statement("INSERT INTO out_rows SELECT id FROM numbers");
        assertThat(failed("sql").path("error").path("what").asText()).contains("a job of its own");
    }

    @Test
    void rowsThatAreTakenBackAreRefusedBeforeTheJobStarts() throws IOException {
        plan.job.put("query", "SELECT COLLECT(id) FROM numbers GROUP BY id");
        assertThat(failed("sql").path("message").asText()).contains("update changes");
    }

    @Test
    void aPlanThatIsRefusedStartsNothing() throws IOException {
        plan.flink.remove("execution.checkpointing.interval");
        ObjectNode event = failed("plan");
        assertThat(code(event)).isEqualTo("pipeline");
        assertThat(event.path("error").path("where").asText()).isEqualTo("plan.job.flink");
    }
}
