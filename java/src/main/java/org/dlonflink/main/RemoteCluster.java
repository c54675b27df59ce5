package org.dlonflink.main;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobID;
import org.apache.flink.client.deployment.StandaloneClusterId;
import org.apache.flink.client.program.rest.RestClusterClient;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.dlonflink.json.Json;
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
    public long checkpoints(JobID job) throws Exception {
        URI place = URI.create(rest + "/jobs/" + job.toHexString() + "/checkpoints");
        String answer = HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(place).build(), HttpResponse.BodyHandlers.ofString())
                .body();
        return Json.parseObject(answer).path("counts").path("completed").asLong();
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
