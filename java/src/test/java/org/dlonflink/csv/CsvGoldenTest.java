package org.dlonflink.csv;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The format through SQL, against the golden file that the Python reader is tested with too. */
class CsvGoldenTest {
    private static final Path GOLDEN = Path.of("../contract/golden");

    @TempDir
    private Path directory;

    @Test
    void readsEveryValueAsTheGoldenFileSays() throws Exception {
        ObjectNode golden = golden();
        List<Row> rows = query("SELECT * FROM t", GOLDEN.resolve("rows.csv"), columns(golden), "");
        assertThat(plain(rows)).isEqualTo(expected(golden));
    }

    @Test
    void readsACompressedFileAndColumnsInAnotherOrder() throws Exception {
        ObjectNode golden = golden();
        Path file = directory.resolve("rows.csv.gz");
        try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
            Files.copy(GOLDEN.resolve("rows.csv"), out);
        }
        List<Row> rows = query("SELECT id, `day` FROM t", file, "moment TIMESTAMP_LTZ(3), `day` DATE, id BIGINT", "");
        assertThat(plain(rows))
                .isEqualTo(expected(golden).stream()
                        .map(r -> List.of(r.get(0), r.get(7)))
                        .toList());
    }

    @Test
    void withoutAHeaderColumnsGoByPlace() throws Exception {
        Path file = file("1,NULL,x\n2,b,\n");
        List<Row> rows = query(
                "SELECT c, a FROM t",
                file,
                "a INT, b STRING, c STRING",
                ", 'dlonflink-csv.header' = 'false', 'dlonflink-csv.null-literal' = 'NULL'");
        assertThat(plain(rows)).isEqualTo(List.of(List.of("x", "1"), List.of("", "2")));
    }

    @Test
    void aFailureNamesFileColumnTypeAndText() throws Exception {
        Path file = file("a,b\n1,2\n3,many\n");
        ObjectNode error = failure(file, "a INT, b SMALLINT");
        assertThat(error.path("code").asText()).isEqualTo("data");
        assertThat(error.path("what").asText()).contains("'b'");
        assertThat(error.path("where").asText()).contains(file.toString()).contains("byte 8");
        assertThat(error.path("expected").asText()).contains("SMALLINT");
        assertThat(error.path("got").asText()).isEqualTo("'many'");
    }

    @Test
    void aColumnThatIsMissingIsNamedWithThoseThatAreThere() throws Exception {
        ObjectNode error = failure(file("a,b\n1,2\n"), "a INT, c INT");
        assertThat(error.path("code").asText()).isEqualTo("schema");
        assertThat(error.path("what").asText()).contains("'c'");
        assertThat(error.path("got").asText()).isEqualTo("a, b");
    }

    private ObjectNode failure(Path file, String columns) throws Exception {
        try {
            query("SELECT * FROM t", file, columns, "");
        } catch (RuntimeException e) {
            return FailureException.find(e).orElseThrow(() -> e);
        }
        throw new AssertionError("it was read");
    }

    private Path file(String text) throws IOException {
        return Files.writeString(directory.resolve("t.csv"), text);
    }

    @SuppressWarnings("try") // Flink declares that close may be interrupted
    private static List<Row> query(String query, Path file, String columns, String options) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("parallelism.default", "1");
        configuration.setString("table.local-time-zone", "UTC");
        // A lasting failure must not use them.
        configuration.setString("restart-strategy.type", "fixed-delay");
        configuration.setString("restart-strategy.fixed-delay.delay", "1 h");
        StreamTableEnvironment tables =
                StreamTableEnvironment.create(StreamExecutionEnvironment.createLocalEnvironment(configuration));
        tables.executeSql("CREATE TABLE t (" + columns + ") WITH ('connector' = 'filesystem', 'path' = '"
                + file.toAbsolutePath().normalize() + "', 'format' = 'dlonflink-csv'" + options + ")");
        List<Row> rows = new ArrayList<>();
        try (CloseableIterator<Row> results = tables.executeSql(query).collect()) {
            results.forEachRemaining(rows::add);
        }
        return rows;
    }

    private static ObjectNode golden() throws IOException {
        return Json.parseObject(Files.readString(GOLDEN.resolve("csv.json"), StandardCharsets.UTF_8));
    }

    private static String columns(ObjectNode golden) {
        List<String> columns = new ArrayList<>();
        Iterator<Map.Entry<String, JsonNode>> fields = golden.path("columns").fields();
        fields.forEachRemaining(
                f -> columns.add("`" + f.getKey() + "` " + f.getValue().textValue()));
        return String.join(", ", columns);
    }

    private static List<List<String>> expected(ObjectNode golden) {
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode row : golden.path("rows")) {
            List<String> values = new ArrayList<>();
            int column = 0;
            for (JsonNode value : row) {
                // The column `single` is a FLOAT: its decimal text is that of the nearest double.
                boolean single = column++ == 5 && value.isNumber();
                values.add(
                        single ? Float.toString((float) value.asDouble()) : value.isNull() ? "null" : value.asText());
            }
            rows.add(values);
        }
        return rows;
    }

    private static List<List<String>> plain(List<Row> rows) {
        return rows.stream()
                .map(row -> row.getFieldNames(true).stream()
                        .map(name -> plain(name, row.getField(name)))
                        .collect(Collectors.toList()))
                .collect(Collectors.toList());
    }

    private static String plain(String name, Object value) {
        if (value instanceof BigDecimal decimal) {
            return decimal.toPlainString();
        } else if (value instanceof LocalDate date) {
            return date.toString();
        } else if (value instanceof LocalTime time) {
            return time.format(DateTimeFormatter.ofPattern("HH:mm:ss"));
        } else if (value instanceof LocalDateTime time) {
            String digits = name.equals("fine") ? "SSSSSSSSS" : "SSS";
            return time.format(DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss." + digits));
        } else if (value instanceof Instant instant) {
            return instant.atOffset(ZoneOffset.UTC).format(DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'"));
        } else if (value instanceof byte[] bytes) {
            return HexFormat.of().formatHex(bytes);
        }
        return String.valueOf(value);
    }
}
