package org.dlonflink.plan;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;

/** Reads a plan and refuses, naming the member, whatever it does not say exactly. */
@Internal
public final class PlanReader {
    /** Raised with every change that an older jar would misread. */
    public static final int VERSION = 1;

    private static final List<String> TARGETS = List.of("embedded", "remote");
    private static final String INTERVAL = "execution.checkpointing.interval";
    private static final String FINAL_CHECKPOINT = "execution.checkpointing.checkpoints-after-tasks-finish";

    private PlanReader() {}

    public static Plan read(Path file) throws IOException {
        String text;
        try {
            text = Files.readString(file);
        } catch (NoSuchFileException e) {
            throw Failure.of("setup", "the plan does not exist")
                    .where(file.toString())
                    .exception(e);
        }
        return parse(text);
    }

    public static Plan parse(String text) throws FailureException {
        ObjectNode root;
        try {
            root = Json.parseObject(text);
        } catch (IOException e) {
            throw Failure.of("pipeline", "the plan is not a JSON object")
                    .got(e.getMessage())
                    .exception(e);
        }
        Members plan = new Members("plan", root);
        int version = plan.integer("version", 1);
        if (version != VERSION) {
            throw Failure.of("pipeline", "the plan is of another version than the jar")
                    .where("plan.version")
                    .expected(String.valueOf(VERSION))
                    .got(String.valueOf(version))
                    .fix("install the Python package and the jar of one release")
                    .exception();
        }
        String worker = plan.array("worker");
        Plan job = job(plan.object("job"), worker);
        plan.refuseOthers();
        return job;
    }

    private static Plan job(Members job, String worker) throws FailureException {
        String target = job.text("target");
        if (!TARGETS.contains(target)) {
            throw job.refusal("target", "one of " + TARGETS, "\"" + target + "\"");
        }
        Plan plan = new Plan(
                job.text("name"),
                job.text("run"),
                target.equals("remote"),
                job.bool("detached"),
                flink(job),
                job.integer("slots", 1),
                job.integer("learners", 1),
                job.phrases("statements"),
                job.text("query"),
                values(job),
                limits(job.object("operator")),
                job.texts("command"),
                job.phraseMap("environment"),
                job.textOrNull("log"),
                job.textOrNull("files"),
                columns(job, "scored"),
                sink(job, "sink"),
                rejects(job),
                worker);
        job.refuseOthers();
        if (plan.command().isEmpty()) {
            throw job.refusal("command", "the program that starts the worker", "an empty array");
        }
        if (plan.detached() && !plan.remote()) {
            throw job.refusal("detached", "false, for an embedded cluster ends with its process", "true");
        }
        if (plan.sink() != null && plan.scored().isEmpty()) {
            throw job.refusal("sink", "null, for `scored` has no column", "a sink");
        }
        return plan;
    }

    /** A model version appears only at checkpoints, the last one only at the checkpoint after the input has ended. */
    private static Map<String, String> flink(Members job) throws FailureException {
        Map<String, String> flink = Text.readAll(job.phraseMap("flink"), "runtime.flink.options");
        if (!flink.containsKey(INTERVAL)) {
            throw job.refusal("flink", "a value for " + INTERVAL, "none");
        }
        if (flink.getOrDefault(FINAL_CHECKPOINT, "true").equalsIgnoreCase("false")) {
            throw job.refusal("flink", FINAL_CHECKPOINT + " = true", "false");
        }
        return flink;
    }

    private static boolean values(Members job) throws FailureException {
        String input = job.text("input");
        if (!input.equals("rows") && !input.equals("values")) {
            throw job.refusal("input", "\"rows\" or \"values\"", "\"" + input + "\"");
        }
        return input.equals("values");
    }

    private static Plan.Limits limits(Members operator) throws FailureException {
        Plan.Limits limits = new Plan.Limits(
                operator.integer("batch_rows", 1),
                operator.integer("batch_bytes", 1),
                operator.integer("batch_ms", 1),
                operator.integer("frame_bytes", 1 << 20),
                operator.integer("start_ms", 1),
                operator.integer("stop_ms", 0),
                operator.integer("silence_ms", 1),
                operator.integer("step_ms", 1));
        operator.refuseOthers();
        if (limits.batchBytes() > limits.frameBytes()) {
            throw operator.refusal("batch_bytes", "at most frame_bytes", String.valueOf(limits.batchBytes()));
        }
        return limits;
    }

    @Nullable
    private static Plan.Sink sink(Members job, String name) throws FailureException {
        Members sink = job.objectOrNull(name);
        if (sink == null) {
            return null;
        }
        String table = sink.textOrNull("table");
        Members files = sink.objectOrNull("files");
        sink.refuseOthers();
        if ((table == null) == (files == null)) {
            throw sink.refusal("table", "either a table or files", table == null ? "neither" : "both");
        }
        return new Plan.Sink(table, files == null ? null : files(files));
    }

    private static Plan.Files files(Members files) throws FailureException {
        Plan.Files read = new Plan.Files(
                files.text("path"),
                files.text("prefix"),
                files.text("suffix"),
                files.text("format"),
                files.map("options"));
        files.refuseOthers();
        return read;
    }

    @Nullable
    private static Plan.Rejects rejects(Members job) throws FailureException {
        Members rejects = job.objectOrNull("rejects");
        if (rejects == null) {
            return null;
        }
        Plan.Bound bound = new Plan.Bound(rejects.text("to"), rejects.share("max_share"), rejects.integer("over", 0));
        Plan.Rejects read = new Plan.Rejects(sink(rejects, "sink"), bound, text(rejects.objectOrNull("text")));
        rejects.refuseOthers();
        if (read.sink() == null) {
            throw rejects.refusal("sink", "an object", "null");
        }
        return read;
    }

    @Nullable
    private static Plan.TextFiles text(@Nullable Members text) throws FailureException {
        if (text == null) {
            return null;
        }
        Members time = text.objectOrNull("event_time");
        Plan.TextFiles read = new Plan.TextFiles(
                text.text("format"),
                text.texts("paths"),
                text.bool("header"),
                text.text("null"),
                columns(text, "columns"),
                text.texts("read"),
                time == null ? null : new Plan.EventTime(time.text("column"), time.text("watermark")));
        if (time != null) {
            time.refuseOthers();
        }
        text.refuseOthers();
        if (!read.format().equals("csv") && !read.format().equals("jsonl")) {
            throw text.refusal("format", "\"csv\" or \"jsonl\"", "\"" + read.format() + "\"");
        }
        return read;
    }

    private static List<Plan.Column> columns(Members job, String name) throws FailureException {
        List<Plan.Column> columns = new ArrayList<>();
        for (Members column : job.objects(name)) {
            columns.add(new Plan.Column(column.text("name"), column.textOrNull("type")));
            column.refuseOthers();
        }
        return List.copyOf(columns);
    }
}
