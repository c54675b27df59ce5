package org.dlonflink.main;

import javax.annotation.Nullable;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.dlonflink.plan.Plan;

/** Where a job runs: a cluster that is ours and ends with us, or one that was there before. */
sealed interface Cluster extends AutoCloseable permits EmbeddedCluster, RemoteCluster {
    static Cluster of(Plan plan) throws Exception {
        return plan.remote() ? RemoteCluster.of(plan) : EmbeddedCluster.start(plan);
    }

    /** URL of its REST server and web UI. */
    String rest();

    /** For the environment that a job is submitted from. */
    Configuration client(Plan plan);

    /** Waits for the end of a job. */
    JobResult result(JobID job) throws Exception;

    /** How many checkpoints of a job that has ended were completed; null where its REST server is all that can tell. */
    @Nullable
    Long checkpoints(JobID job) throws Exception;

    /** Cancels a job and waits, for a while, until its tasks and their workers have ended. */
    void cancel(JobID job, long millis) throws Exception;

    @Override
    void close();
}
