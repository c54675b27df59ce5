package org.dlonflink.main;

import java.util.concurrent.TimeUnit;
import javax.annotation.Nullable;
import org.apache.flink.api.common.JobID;
import org.apache.flink.client.deployment.StandaloneClusterId;
import org.apache.flink.client.program.rest.RestClusterClient;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.dlonflink.plan.Plan;

/** A Flink cluster that runs, at the REST address in the plan's configuration. Closing it leaves it as it is. */
final class RemoteCluster implements Cluster {
    private final RestClusterClient<StandaloneClusterId> client;
    private final String rest;

    private RemoteCluster(RestClusterClient<StandaloneClusterId> client, String rest) {
        this.client = client;
        this.rest = rest;
    }

    static RemoteCluster of(Plan plan) throws Exception {
        Configuration configuration = Configuration.fromMap(plan.flink());
        String rest = "http://" + configuration.get(RestOptions.ADDRESS) + ":" + configuration.get(RestOptions.PORT);
        return new RemoteCluster(new RestClusterClient<>(configuration, StandaloneClusterId.getInstance()), rest);
    }

    @Override
    public String rest() {
        return rest;
    }

    @Override
    public Configuration client(Plan plan) {
        Configuration configuration = Configuration.fromMap(plan.flink());
        configuration.set(DeploymentOptions.TARGET, "remote");
        return configuration;
    }

    @Override
    public JobResult result(JobID job) throws Exception {
        return client.requestJobResult(job).get();
    }

    @Override
    @Nullable
    public Long checkpoints(JobID job) {
        return null;
    }

    @Override
    public void cancel(JobID job, long millis) throws Exception {
        client.cancel(job).get(millis, TimeUnit.MILLISECONDS);
        client.requestJobResult(job).get(millis, TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        client.close();
    }
}
