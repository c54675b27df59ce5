package org.dlonflink.metrics;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.metrics.LogicalScopeProvider;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricConfig;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.reporter.MetricReporter;
import org.apache.flink.util.NetUtils;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;

/**
 * Every metric of this process for Prometheus, under the names that Flink's own reporter gives them, but on the loopback
 * interface alone, where that one listens on all of them (docs/decisions/0013-metrics.md).
 */
@Internal
public final class LoopbackReporter implements MetricReporter {
    private static final String OPTIONS = "metrics.reporter.dlonflink.";
    private static final String PORT = "port";
    private static final String ADDRESS = "127.0.0.1";
    private static final String PATH = "/metrics";
    private static final String TYPE = "text/plain; version=0.0.4; charset=utf-8";
    private static final Pattern NOT_OF_A_NAME = Pattern.compile("[^a-zA-Z0-9_]");

    private record Sample(String name, Map<String, String> labels) {}

    /** Flink makes its reporters itself and only logs where one fails; a process has one. */
    @Nullable
    private static volatile String url;

    private final Map<Metric, Sample> samples = new ConcurrentHashMap<>();

    @Nullable
    private HttpServer server;

    /** The address of the page; null where the configuration asks for none. */
    @Nullable
    public static String url(Map<String, String> flink) throws FailureException {
        String ports = flink.get(OPTIONS + PORT);
        if (ports != null && url == null) {
            throw Failure.of("setup", "no port for Prometheus is free on " + ADDRESS)
                    .where("runtime.metrics.prometheus")
                    .got(ports)
                    .fix("name a free port or a wider range, e.g. \"9249-9259\"")
                    .exception();
        }
        return url;
    }

    @Override
    public void open(MetricConfig config) {
        Iterator<Integer> ports = NetUtils.getPortRangeFromString(config.getString(PORT, "0"));
        try {
            server = bind(ports);
        } catch (IOException e) {
            throw new IllegalStateException("no port of " + config.getString(PORT, "0") + " is free", e);
        }
        server.createContext(PATH, this::answer);
        server.start();
        url = "http://" + ADDRESS + ":" + server.getAddress().getPort() + PATH;
    }

    private static HttpServer bind(Iterator<Integer> ports) throws IOException {
        while (true) {
            try {
                return HttpServer.create(new InetSocketAddress(ADDRESS, ports.next()), 0);
            } catch (BindException e) {
                if (!ports.hasNext()) {
                    throw e;
                }
            }
        }
    }

    @Override
    public void close() {
        url = null;
        if (server != null) {
            server.stop(0);
        }
    }

    @Override
    public void notifyOfAddedMetric(Metric metric, String name, MetricGroup group) {
        String scope = LogicalScopeProvider.castFrom(group).getLogicalScope(LoopbackReporter::named, '_');
        Map<String, String> labels = new TreeMap<>();
        // Flink writes <job_name>.
        group.getAllVariables().forEach((key, value) -> labels.put(named(key.replaceAll("^<|>$", "")), value));
        samples.put(metric, new Sample("flink_" + scope + "_" + named(name), labels));
    }

    @Override
    public void notifyOfRemovedMetric(Metric metric, String name, MetricGroup group) {
        samples.remove(metric);
    }

    private static String named(String text) {
        return NOT_OF_A_NAME.matcher(text).replaceAll("_");
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            boolean asked = exchange.getRequestMethod().equals("GET");
            byte[] body = (asked ? page() : "GET only\n").getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", TYPE);
            exchange.sendResponseHeaders(asked ? 200 : 405, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    private String page() {
        PrometheusText text = new PrometheusText();
        samples.forEach((metric, sample) -> text.add(sample.name(), sample.labels(), metric));
        return text.toString();
    }
}
