package org.dlonflink.main;

import java.net.URI;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.runtime.checkpoint.CheckpointStatsSnapshot;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.dlonflink.plan.Plan;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A Flink cluster in this process, with its REST server and web UI on a free port of the range in the plan. */
final class EmbeddedCluster implements Cluster {
    private static final Logger LOG = LoggerFactory.getLogger(EmbeddedCluster.class);

    private static final long CLOSE_MS = 5_000;

    private final MiniCluster cluster;
    private final URI rest;

    private EmbeddedCluster(MiniCluster cluster, URI rest) {
        this.cluster = cluster;
        this.rest = rest;
    }

    static EmbeddedCluster start(Plan plan) throws Exception {
        Configuration configuration = Configuration.fromMap(plan.flink());
        // The web UI runs any jar that is sent to it: only for this machine, unless the plan says otherwise.
        setIfAbsent(configuration, RestOptions.ADDRESS.key(), "localhost");
        setIfAbsent(configuration, RestOptions.BIND_ADDRESS.key(), "localhost");
        setIfAbsent(configuration, RestOptions.BIND_PORT.key(), "0");
        // Its server for files takes any that is sent to it.
        setIfAbsent(configuration, JobManagerOptions.BIND_HOST.key(), "localhost");
        MiniCluster cluster = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(configuration)
                .setNumTaskManagers(1)
                .setNumSlotsPerTaskManager(plan.slots())
                .build());
        try {
            cluster.start();
            return new EmbeddedCluster(cluster, cluster.getRestAddress().get());
        } catch (Exception e) {
            cluster.closeAsync();
            throw e;
        }
    }

    private static void setIfAbsent(Configuration configuration, String key, String value) {
        if (!configuration.containsKey(key)) {
            configuration.setString(key, value);
        }
    }

    @Override
    public String rest() {
        return rest.toString();
    }

    @Override
    public Configuration client(Plan plan) {
        Configuration configuration = Configuration.fromMap(plan.flink());
        configuration.set(DeploymentOptions.TARGET, "remote");
        configuration.set(RestOptions.ADDRESS, rest.getHost());
        configuration.set(RestOptions.PORT, rest.getPort());
        return configuration;
    }

    /** Asked here and not over REST, which would be up to 2 s late. */
    @Override
    public JobResult result(JobID job) throws ExecutionException, InterruptedException {
        return cluster.requestJobResult(job).get();
    }

    /** Asked of the graph of the job that has ended, whose last one REST would have shown for a moment only. */
    @Override
    public Long checkpoints(JobID job) throws ExecutionException, InterruptedException {
        CheckpointStatsSnapshot stats = cluster.getExecutionGraph(job).get().getCheckpointStatsSnapshot();
        return stats == null ? 0L : stats.getCounts().getNumberOfCompletedCheckpoints();
    }

    @Override
    public void cancel(JobID job, long millis) throws ExecutionException, InterruptedException, TimeoutException {
        cluster.cancelJob(job).get(millis, TimeUnit.MILLISECONDS);
        cluster.requestJobResult(job).get(millis, TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        try {
            cluster.closeAsync().get(CLOSE_MS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn("the cluster did not close", e);
        }
    }
}
