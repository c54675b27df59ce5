package org.dlonflink.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlanReaderTest {
    private static final String PLAN =
            """
            {"version": 1, "worker": [{"learner": {"rate": 1e-6, "name": "\u00fc"}}], "job": {
              "name": "n", "run": "r", "target": "embedded", "detached": false, "files": null, "slots": 2, "learners": 1,
              "flink": {"execution.checkpointing.interval": "1 s", "a": "b"},
              "statements": ["CREATE TABLE t (a INT)"], "query": "SELECT a FROM t", "input": "rows",
              "operator": {"batch_rows": 10, "batch_bytes": 1000, "batch_ms": 50,
                           "frame_bytes": 1048576, "start_ms": 1000, "stop_ms": 0, "silence_ms": 3000,
                           "step_ms": 9000},
              "command": ["python", "-m", "worker"], "environment": {"X": "1"}, "log": "w.log",
              "scored": [{"name": "a", "type": "INT"}], "sink": {"table": "t", "files": null},
              "rejects": {"sink": {"table": "bad", "files": null}, "to": "table bad", "max_share": 0.01, "over": 10,
                "text": {"format": "csv", "paths": ["file:///a.csv"], "header": true, "null": "",
                  "columns": [{"name": "a", "type": "INT"}], "read": ["a"],
                  "event_time": {"column": "a", "watermark": "a"}}}}}
            """;

    private static ObjectNode error(String plan) {
        try {
            PlanReader.parse(plan);
        } catch (FailureException e) {
            return FailureException.find(e).orElseThrow();
        }
        throw new AssertionError("not refused");
    }

    @Test
    void readsAPlan() throws IOException {
        Plan plan = PlanReader.parse(PLAN);
        assertThat(plan.name()).isEqualTo("n");
        assertThat(plan.flink()).containsEntry("a", "b");
        assertThat(plan.limits()).isEqualTo(new Plan.Limits(10, 1000, 50, 1048576, 1000, 0, 3000, 9000));
        assertThat(plan.command()).containsExactly("python", "-m", "worker");
        assertThat(plan.scored()).containsExactly(new Plan.Column("a", "INT"));
        assertThat(plan.sink()).isEqualTo(new Plan.Sink("t", null));
        assertThat(plan.rejects().bound()).isEqualTo(new Plan.Bound("table bad", 0.01, 10));
        assertThat(plan.rejects().text().read()).containsExactly("a");
        assertThat(plan.rejects().text().eventTime()).isEqualTo(new Plan.EventTime("a", "a"));
    }

    /** Java knows nothing of what the worker is told, and changes none of its values. */
    @Test
    void handsTheWorkersPartOn() throws IOException {
        ObjectNode wrapped = Json.parseObject("{\"w\":" + PlanReader.parse(PLAN).worker() + "}");
        assertThat(wrapped.path("w")).isEqualTo(Json.parseObject(PLAN).path("worker"));
    }

    @Test
    void aTextIsPutTogetherWhereItIsUsed(@TempDir Path directory) throws IOException {
        Path file = Files.writeString(directory.resolve("secret"), "it's\n");
        String reference = Json.write(Json.object().putNull("env").put("file", file.toString()));
        Plan plan = PlanReader.parse(PLAN.replace("\"CREATE TABLE t (a INT)\"", "[\"a '\", " + reference + ", \"'\"]")
                .replace("\"X\": \"1\"", "\"X\": [" + reference + "]"));
        Text statement = plan.statements().get(0);
        assertThat(statement.sql("here")).isEqualTo("a 'it''s'");
        assertThat(statement).hasToString("a '***'");
        assertThat(Text.readAll(plan.environment(), "env")).containsEntry("X", "it's");
        Files.delete(file);
        assertThatThrownBy(() -> Text.readAll(plan.environment(), "env")).hasMessageContaining("env.X");
        Text missing = new Text(List.of(new Text.Part(null, "NO_SUCH_VARIABLE", null)));
        assertThatThrownBy(() -> missing.read("there")).hasMessageContaining("NO_SUCH_VARIABLE is not set");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '#',
            value = {
                "\"version\": 1|\"version\": 2|plan.version",
                "\"version\": 1|\"version\": \"1\"|plan.version",
                "\"embedded\"|\"yarn\"|plan.job.target",
                "\"detached\": false|\"detached\": true|plan.job.detached",
                "\"detached\": false|\"detached\": 0|plan.job.detached",
                "\"slots\": 2|\"slots\": 0|plan.job.slots",
                "\"slots\": 2|\"slots\": 2.5|plan.job.slots",
                "\"slots\": 2,||plan.job.slots",
                "\"learners\": 1|\"learners\": 0|plan.job.learners",
                "\"slots\": 2|\"slots\": 2, \"slot\": 2|plan.job.slot",
                "execution.checkpointing.interval|interval|plan.job.flink",
                "\"a\": \"b\"|\"a\": 1|plan.job.flink.a",
                "[\"CREATE TABLE t (a INT)\"]|[1]|plan.job.statements[0]",
                "[\"CREATE TABLE t (a INT)\"]|[[\"a\", 1]]|plan.job.statements[0][1]",
                "[\"CREATE TABLE t (a INT)\"]|[[{\"env\": \"A\"}]]|plan.job.statements[0][0].file",
                "[\"CREATE TABLE t (a INT)\"]|[[{\"env\": null, \"file\": null}]]|plan.job.statements[0][0].env",
                "\"batch_rows\": 10|\"batch_rows\": -1|plan.job.operator.batch_rows",
                "\"batch_bytes\": 1000|\"batch_bytes\": 1048577|plan.job.operator.batch_bytes",
                "\"stop_ms\": 0|\"stop_ms\": 0, \"x\": 0|plan.job.operator.x",
                "[\"python\", \"-m\", \"worker\"]|[]|plan.job.command",
                "\"type\": \"INT\"}|\"type\": 1}|plan.job.scored[0].type",
                "[{\"name\": \"a\", \"type\": \"INT\"}]|[]|plan.job.sink",
                "\"sink\": {|\"sink\": 1, \"x\": {|plan.job.sink",
                "\"table\": \"t\"|\"table\": null|plan.job.sink.table",
                "\"table\": \"t\", \"files\": null|\"table\": null, \"files\": {}|plan.job.sink.files.path",
                "\"max_share\": 0.01|\"max_share\": 2|plan.job.rejects.max_share",
                "\"sink\": {\"table\": \"bad\", \"files\": null}|\"sink\": null|plan.job.rejects.sink",
                "\"format\": \"csv\"|\"format\": \"raw\"|plan.job.rejects.text.format",
                "\"a\": \"b\"|\"execution.checkpointing.checkpoints-after-tasks-finish\": \"false\"|plan.job.flink"
            })
    void refusesAndNamesTheMember(String from, String to, String where) {
        assertThat(PLAN).contains(from);
        ObjectNode error = error(PLAN.replace(from, to == null ? "" : to));
        assertThat(error.path("code").asText()).isEqualTo("pipeline");
        assertThat(error.path("where").asText()).isEqualTo(where);
        assertThat(error.path("expected").asText()).isNotEmpty();
    }

    @Test
    void refusesWhatIsNotAPlanAtAll() {
        assertThat(error("[1]").path("what").asText()).contains("not a JSON object");
        assertThat(error("{").path("what").asText()).contains("not a JSON object");
        assertThat(error("{} x").path("what").asText()).contains("not a JSON object");
        assertThatThrownBy(() -> PlanReader.read(Path.of("no-such-plan.json")))
                .hasMessageContaining("no-such-plan.json");
    }
}
