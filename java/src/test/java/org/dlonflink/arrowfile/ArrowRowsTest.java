package org.dlonflink.arrowfile;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.json.Json;
import org.junit.jupiter.api.Test;

/** Rows by the heads of messages; the golden file is pyarrow's. */
class ArrowRowsTest {
    private static final Path GOLDEN =
            Path.of("../contract/golden").toAbsolutePath().normalize();

    @Test
    void countsWhatTheGoldenFileHolds() throws IOException {
        ObjectNode golden = Json.parseObject(java.nio.file.Files.readString(GOLDEN.resolve("values.json")));
        ArrowFile file = ArrowFile.open(
                new org.apache.flink.core.fs.Path(GOLDEN.resolve("values.arrow").toUri()));
        for (JsonNode value : golden.path("values")) {
            assertThat(ArrowRows.in(file.next())).isEqualTo(value.path("rows").size());
        }
    }

    /** Whatever it is, it is not counted and not thrown at anybody: the worker refuses it, and says why. */
    @Test
    void whatIsNoStreamHasNoRows() throws IOException {
        assertThat(ArrowRows.in(new byte[0])).isZero();
        assertThat(ArrowRows.in(new byte[] {1, 2, 3})).isZero();
        byte[] whole = java.nio.file.Files.readAllBytes(GOLDEN.resolve("values.arrow"));
        Random random = new Random(3);
        for (int i = 0; i < 50_000; i++) {
            byte[] value = Arrays.copyOf(whole, random.nextInt(whole.length));
            for (int flips = random.nextInt(8); flips > 0 && value.length > 0; flips--) {
                value[random.nextInt(value.length)] = (byte) random.nextInt();
            }
            ArrowRows.in(value);
        }
    }
}
