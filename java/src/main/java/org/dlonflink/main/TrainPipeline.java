package org.dlonflink.main;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.transformations.PhysicalTransformation;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.api.internal.TableEnvironmentInternal;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.operations.ModifyOperation;
import org.apache.flink.table.operations.Operation;
import org.apache.flink.table.operations.QueryOperation;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeFamily;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.apache.flink.table.types.logical.utils.LogicalTypeUtils;
import org.dlonflink.arrow.ArrowDecoder;
import org.dlonflink.arrow.ArrowSchema;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.operator.TrainOperatorFactory;
import org.dlonflink.operator.TrainSettings;
import org.dlonflink.plan.Plan;
import org.dlonflink.plan.Text;
import org.dlonflink.rejects.RejectCount;
import org.dlonflink.rejects.Rejects;

/** Turns a plan into a job: statements, query, operator, sink. */
final class TrainPipeline {
    /** The operator's name and uid: metrics are looked up by it, and so is the state in a checkpoint. */
    private static final String OPERATOR = "dlonflink-train";

    private static final String REJECTS = "dlonflink-all-rejects";

    private static final int SHOWN_CHARACTERS = 200;

    private TrainPipeline() {}

    /** @throws FailureException (code sql) that says which statement is refused */
    static StreamExecutionEnvironment build(Plan plan, Configuration configuration) throws FailureException {
        if (!configuration.contains(PipelineOptions.NAME)) {
            configuration.set(PipelineOptions.NAME, plan.name());
        }
        // Not getExecutionEnvironment(configuration): it ignores the target and starts a second cluster in silence.
        StreamExecutionEnvironment environment = new StreamExecutionEnvironment(configuration);
        if (plan.files() != null) {
            environment.registerCachedFile(plan.files(), TrainSettings.FILES);
        }
        StreamTableEnvironment tables = StreamTableEnvironment.create(environment);
        DataStream<RowData> rejects = plan.rejects() == null || plan.rejects().text() == null
                ? null
                : TextSource.define(environment, tables, plan.rejects(), plan.run());
        List<Text> statements = plan.statements();
        for (int i = 0; i < statements.size(); i++) {
            Text statement = statements.get(i);
            String place = "statement " + (i + 1) + " of " + statements.size();
            attempt(place, statement.toString(), () -> define(tables, statement, place));
        }
        attempt("the query", plan.query(), () -> train(plan, tables, rejects));
        return environment;
    }

    private static void define(StreamTableEnvironment tables, Text text, String place) throws FailureException {
        String statement = text.sql(place);
        Operation operation =
                ((TableEnvironmentInternal) tables).getParser().parse(statement).get(0);
        if (operation instanceof QueryOperation || operation instanceof ModifyOperation) {
            throw Failure.of("sql", "a statement would start a job of its own")
                    .where(shown(text.toString()))
                    .expected("CREATE TABLE, CREATE VIEW, CREATE FUNCTION and the like")
                    .fix("put the SELECT into `query`, and name the table for the scored rows as `sink`")
                    .exception();
        }
        tables.executeSql(statement);
    }

    /** @param rejects those of text; null: there are none */
    private static void train(Plan plan, StreamTableEnvironment tables, @Nullable DataStream<RowData> rejects)
            throws FailureException {
        Table query = tables.sqlQuery(plan.query());
        DataType rows = query.getResolvedSchema().toPhysicalRowDataType();
        RowType type = (RowType) rows.getLogicalType();
        if (plan.values()) {
            requireBytes(type);
        }
        RowType scored = scored(plan.scored(), type);
        // Both refuse types that do not cross: here, and not in a task.
        ArrowSchema.message(type);
        new ArrowDecoder(scored);
        DataStream<RowData> input = tables.toDataStream(query, rows.bridgedTo(RowData.class));
        name(input.getTransformation());
        SingleOutputStreamOperator<RowData> output = input.transform(
                        OPERATOR,
                        InternalTypeInfo.of(scored),
                        new TrainOperatorFactory(TrainSettings.of(plan, type, scored)))
                .uid(OPERATOR)
                .setParallelism(plan.learners());
        if (plan.sink() == null) {
            output.sinkTo(new DiscardingSink<>()).setParallelism(1).name("dlonflink-drop");
        } else {
            RowSink.attach(plan.sink(), tables, output, "dlonflink-scored");
        }
        if (plan.rejects() != null) {
            DataStream<RowData> refused = output.getSideOutput(Rejects.TAG);
            refused = rejects == null ? refused : counted(refused, rejects);
            RowSink.attach(plan.rejects().sink(), tables, refused, "dlonflink-rejects");
        }
    }

    /**
     * Gives what the planner has made names that its state is found by: the source, and operators by kind and number. By
     * default these are hashes of the whole graph, and another parallelism of the source, or another chain, is another
     * name.
     */
    private static void name(Transformation<?> query) {
        Map<String, Integer> numbers = new HashMap<>();
        for (Transformation<?> one : new LinkedHashSet<>(query.getTransitivePredecessors())) {
            if (one instanceof PhysicalTransformation && one.getUid() == null) {
                String kind =
                        one.getInputs().isEmpty() ? "source" : one.getName().replaceAll("[\\[(].*", "");
                one.setUid("dlonflink-sql-" + kind + "-" + numbers.merge(kind, 1, Integer::sum));
            }
        }
    }

    private static DataStream<RowData> counted(DataStream<RowData> ofWorker, DataStream<RowData> ofText) {
        return ofWorker.connect(ofText)
                .process(new RejectCount(), InternalTypeInfo.of(Rejects.TYPE))
                .name(REJECTS)
                .uid(REJECTS)
                .setParallelism(1);
    }

    private static void requireBytes(RowType type) throws FailureException {
        if (type.getFieldCount() != 1 || !type.getTypeAt(0).is(LogicalTypeFamily.BINARY_STRING)) {
            throw Failure.of("schema", "the column that holds record batches is of another type")
                    .where("source.arrow.column")
                    .expected("BYTES")
                    .got(type.asSummaryString())
                    .fix("declare it as BYTES in the DDL, with the format raw where the connector wants one")
                    .exception();
        }
    }

    /** The plan leaves out the types of columns that it takes from the query: they are known only here. */
    private static RowType scored(List<Plan.Column> columns, RowType query) throws FailureException {
        List<RowType.RowField> fields = new ArrayList<>();
        for (Plan.Column column : columns) {
            LogicalType type;
            if (column.type() != null) {
                type = LogicalTypeParser.parse(column.type(), TrainPipeline.class.getClassLoader());
            } else if (query.getFieldNames().contains(column.name())) {
                // An event time attribute means a stream's watermark, and is none once it has been to the worker.
                type = LogicalTypeUtils.removeTimeAttributes(query.getTypeAt(query.getFieldIndex(column.name())));
            } else {
                throw Failure.of("schema", "column '" + column.name() + "' is not in the query")
                        .expected("one of " + query.getFieldNames())
                        .exception();
            }
            fields.add(new RowType.RowField(column.name(), type));
        }
        return new RowType(fields);
    }

    /** Runs a part of the definition; what Flink says of it, in whatever class, becomes an SQL failure with a place. */
    private static void attempt(String place, String sql, Definition part) throws FailureException {
        try {
            part.run();
        } catch (FailureException e) {
            throw e;
        } catch (Exception e) {
            Throwable root = e;
            while (root.getCause() != null) {
                root = root.getCause();
            }
            throw Failure.of("sql", String.valueOf(root.getMessage()))
                    .where(place + ": " + shown(sql))
                    .exception(e);
        }
    }

    private interface Definition {
        void run() throws Exception;
    }

    private static String shown(String sql) {
        String line = sql.strip().replaceAll("\\s+", " ");
        return line.length() <= SHOWN_CHARACTERS ? line : line.substring(0, SHOWN_CHARACTERS) + "...";
    }
}
