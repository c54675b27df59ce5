package org.dlonflink.main;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.runtime.OperatorIDPair;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.dlonflink.plan.PlanReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainPipelineTest {
    @TempDir
    private Path directory;

    /** A source of files is chained with what follows it, and no longer is when it has another parallelism. */
    @Test
    void stateIsFoundWhateverTheParallelismOfTheSource() throws Exception {
        Path rows = Files.writeString(directory.resolve("rows.csv"), "1\n");
        TestPlan plan = new TestPlan(directory);
        plan.job.putArray("statements");
        plan.statement("CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '" + rows.toUri()
                + "', 'format' = 'dlonflink-csv', 'dlonflink-csv.header' = 'false')");
        plan.job.put("query", "SELECT id + 1 AS id FROM numbers");
        Path written = plan.write();
        assertThat(operators(written, 2)).isEqualTo(operators(written, 1)).hasSizeGreaterThan(2);
    }

    private static Set<String> operators(Path plan, int parallelism) throws Exception {
        Configuration configuration = new Configuration().set(CoreOptions.DEFAULT_PARALLELISM, parallelism);
        StreamExecutionEnvironment environment = TrainPipeline.build(PlanReader.read(plan), configuration);
        return environment.getStreamGraph().getJobGraph().getVerticesSortedTopologicallyFromSources().stream()
                .flatMap(vertex -> vertex.getOperatorIDs().stream())
                .map(OperatorIDPair::getGeneratedOperatorID)
                .map(Object::toString)
                .collect(Collectors.toSet());
    }
}
