package org.dlonflink.plan;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;

/**
 * The {@code job} of a plan (contract/README.md, section 1), and the {@code worker} of it as the JSON text it came as.
 *
 * @param remote the job is submitted to a cluster that runs; else to one in this process
 * @param detached the run ends with the submission
 * @param flink the whole Flink configuration, with the values of its secrets
 * @param learners the operator's parallelism: 1 but for the tests' oracle
 * @param query gives the rows; its columns, in order, are those of every batch
 * @param values the query gives one column of BYTES, which holds whole batches; they go to the worker unopened
 * @param command starts the worker; the socket's path is appended
 * @param log file for the worker's output; null: the log of Flink's process
 * @param files directory for the distributed cache; null: none
 * @param scored columns of the scored rows; empty: the worker sends none
 * @param sink takes the scored rows; null: they are dropped
 * @param rejects what becomes of bad rows; null: the first one ends the job
 * @param worker what HELLO hands on untouched
 */
@Internal
public record Plan(
        String name,
        String run,
        boolean remote,
        boolean detached,
        Map<String, String> flink,
        int slots,
        int learners,
        List<Text> statements,
        String query,
        boolean values,
        Limits limits,
        List<String> command,
        Map<String, Text> environment,
        @Nullable String log,
        @Nullable String files,
        List<Column> scored,
        @Nullable Sink sink,
        @Nullable Rejects rejects,
        String worker) {

    /** Without the values of its secrets. */
    @Override
    public String toString() {
        return "plan of " + name + ", run " + run;
    }

    /**
     * Limits of the operator; a batch goes out when the first of the three {@code batch} limits is reached.
     *
     * @param frameBytes cap of one frame's payload
     * @param startMs the worker must connect, and after its state was sent say READY, within
     * @param stopMs grace before the worker's processes are killed
     * @param silenceMs a worker that is ready and says nothing for so long is dead
     * @param stepMs a learner that takes so long for one step hangs, which the worker itself finds out
     */
    public record Limits(
            int batchRows,
            int batchBytes,
            int batchMs,
            int frameBytes,
            int startMs,
            int stopMs,
            int silenceMs,
            int stepMs)
            implements Serializable {}

    /**
     * Where bad rows go, and how many there may be.
     *
     * @param text files that the rows are read from; null: statements make the source
     */
    public record Rejects(Sink sink, Bound bound, @Nullable TextFiles text) {}

    /**
     * How many bad rows there may be.
     *
     * @param to where they lie, for people
     * @param maxShare more than this share of the rows ends the job
     * @param over but not before this many were seen
     */
    public record Bound(String to, double maxShare, long over) implements Serializable {}

    /**
     * Files of text, whose rows become the view {@code source}.
     *
     * @param format {@code csv} or {@code jsonl}
     * @param header csv: the first line names the columns
     * @param nullLiteral csv: a field equal to it is NULL
     * @param columns those of the files
     * @param read names of those that are wanted
     */
    public record TextFiles(
            String format,
            List<String> paths,
            boolean header,
            String nullLiteral,
            List<Column> columns,
            List<String> read,
            @Nullable EventTime eventTime) {}

    /** @param watermark an SQL expression */
    public record EventTime(String column, String watermark) {}

    /** @param type a Flink SQL type; null: that of the query's column of this name */
    public record Column(String name, @Nullable String type) {}

    /**
     * Where rows go: one of the two.
     *
     * @param table made by the statements
     */
    public record Sink(@Nullable String table, @Nullable Files files) {}

    /**
     * Part files in a directory.
     *
     * @param format one of Flink's
     * @param options of the format
     */
    public record Files(String path, String prefix, String suffix, String format, Map<String, String> options) {}
}
