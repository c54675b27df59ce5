package org.dlonflink.main;

import java.nio.file.Path;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;
import org.dlonflink.metrics.LoopbackReporter;
import org.dlonflink.operator.Reports;
import org.dlonflink.plan.Plan;
import org.dlonflink.plan.PlanReader;
import org.dlonflink.rejects.RejectCount;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One run, from plan to exit code; {@link #stop} may come from another thread at any time. */
@Internal
public final class JobRun {
    private static final Logger LOG = LoggerFactory.getLogger(JobRun.class);

    /** A worker may use its {@code stop_ms}, but a person who stops the run does not wait for ever. */
    private static final long CANCEL_MS = 8_000;

    private static final int FINISHED = 0;
    private static final int FAILED = 1;

    private final Events events;
    private final Object submission = new Object();
    private volatile boolean stopping;
    private volatile boolean over;

    @Nullable
    private volatile Cluster cluster;

    @Nullable
    private volatile JobID job;

    public JobRun(Events events) {
        this.events = events;
    }

    /** Runs until the job has finished or failed, or is submitted where that is all; the exit code. */
    public int run(Path planFile) {
        Stage stage = Stage.PLAN;
        try {
            Plan plan = PlanReader.read(planFile);
            stage = Stage.CLUSTER;
            try (Cluster started = Cluster.of(plan)) {
                cluster = started;
                events.cluster(started.rest(), LoopbackReporter.url(plan.flink()));
                stage = Stage.SQL;
                StreamExecutionEnvironment environment = TrainPipeline.build(plan, started.client(plan));
                stage = Stage.JOB;
                submit(environment, plan);
                if (plan.detached()) {
                    return FINISHED;
                }
                ObjectNode report = report(started.result(job));
                over = true;
                events.finished(report, started.checkpoints(job));
            }
            return FINISHED;
        } catch (Throwable e) {
            over = true;
            if (!stopping) {
                Throwable behind = FailureException.behind(e);
                LOG.error("the run failed ({})", stage.word(), behind);
                events.failed(stage, behind);
            }
            return FAILED;
        }
    }

    /** Not interrupted by {@link #stop}: a job that nobody knows of would run on. */
    private void submit(StreamExecutionEnvironment environment, Plan plan) throws Exception {
        synchronized (submission) {
            job = environment.executeAsync(plan.name()).getJobID();
            over = plan.detached();
        }
        events.submitted(job.toHexString());
    }

    /** Null after a stop with savepoint, which ends the job without an end of its input. */
    @Nullable
    private static ObjectNode report(JobResult result) throws Exception {
        JobExecutionResult whole = result.toJobExecutionResult(JobRun.class.getClassLoader());
        String json = whole.getAccumulatorResult(Reports.ACCUMULATOR);
        if (json == null || json.isEmpty()) {
            return null;
        }
        ObjectNode report = Json.parseObject(json);
        // The worker knows nothing of what could not be read.
        Long unread = whole.getAccumulatorResult(RejectCount.ACCUMULATOR);
        return unread == null
                ? report
                : report.put("rejected", report.path("rejected").asLong() + unread)
                        .put("received", report.path("received").asLong() + unread);
    }

    /** Cancels the job, which ends its worker, and closes the cluster; what hangs is left to the end of the process. */
    public void stop() {
        Cluster running = cluster;
        if (over || running == null) {
            return;
        }
        stopping = true;
        synchronized (submission) {
            if (over) {
                return;
            }
            try {
                if (job != null) {
                    running.cancel(job, CANCEL_MS);
                }
            } catch (Exception e) {
                LOG.warn("the job was not cancelled in time", e);
            }
            running.close();
        }
    }
}
