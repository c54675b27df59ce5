package org.dlonflink.main;

import java.nio.file.Path;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.dlonflink.json.Json;
import org.dlonflink.operator.Reports;
import org.dlonflink.plan.Plan;
import org.dlonflink.plan.PlanReader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One run, from plan to exit code; {@link #stop} may come from another thread at any time. */
@Internal
public final class JobRun {
    static final long CLOSE_MS = 5_000;

    private static final Logger LOG = LoggerFactory.getLogger(JobRun.class);

    /** A worker may use its {@code stop_ms}, but a person who stops the run does not wait for ever. */
    private static final long CANCEL_MS = 8_000;

    private static final int FINISHED = 0;
    private static final int FAILED = 1;

    private final Events events;
    private volatile boolean stopping;
    private volatile boolean over;

    @Nullable
    private volatile EmbeddedCluster cluster;

    @Nullable
    private volatile JobID job;

    public JobRun(Events events) {
        this.events = events;
    }

    /** Runs until the job has finished or failed; the exit code. */
    public int run(Path planFile) {
        Stage stage = Stage.PLAN;
        try {
            Plan plan = PlanReader.read(planFile);
            stage = Stage.CLUSTER;
            try (EmbeddedCluster started = EmbeddedCluster.start(plan)) {
                cluster = started;
                events.cluster(started.rest());
                stage = Stage.SQL;
                StreamExecutionEnvironment environment = TrainPipeline.build(plan, started.client(plan));
                stage = Stage.JOB;
                job = environment.executeAsync(plan.name()).getJobID();
                events.submitted(job.toHexString());
                ObjectNode report = report(started.result(job));
                over = true;
                events.finished(report, started.checkpoints(job));
            }
            return FINISHED;
        } catch (Throwable e) {
            over = true;
            if (!stopping) {
                LOG.error("the run failed ({})", stage.word(), e);
                events.failed(stage, e);
            }
            return FAILED;
        }
    }

    /** Null after a stop with savepoint, which ends the job without an end of its input. */
    @Nullable
    private static ObjectNode report(JobResult result) throws Exception {
        ClassLoader loader = JobRun.class.getClassLoader();
        String json = result.toJobExecutionResult(loader).getAccumulatorResult(Reports.ACCUMULATOR);
        return json == null || json.isEmpty() ? null : Json.parseObject(json);
    }

    /** Cancels the job, which ends its worker, and closes the cluster; what hangs is left to the end of the process. */
    public void stop() {
        EmbeddedCluster running = cluster;
        if (over || running == null) {
            return;
        }
        stopping = true;
        try {
            if (job != null) {
                running.cancel(job, CANCEL_MS);
            }
        } catch (Exception e) {
            LOG.warn("the job was not cancelled in time", e);
        }
        running.close(CLOSE_MS);
    }
}
