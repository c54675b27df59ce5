package org.dlonflink.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.dlonflink.json.Json;
import org.junit.jupiter.api.Test;

/** The files that hold both languages to the same bytes; {@link GoldenWriter} makes them. */
class GoldenTest {
    private static final Path GOLDEN = Path.of("../contract/golden");

    @Test
    void theEncoderWritesTheGoldenBytes() throws IOException {
        assertThat(GoldenWriter.arrow()).isEqualTo(Files.readAllBytes(GOLDEN.resolve("batch.arrow")));
    }

    @Test
    void theGoldenBytesHoldTheRows() throws IOException {
        List<List<Object>> rows = GoldenRows.BATCHES.stream()
                .flatMap(List::stream)
                .map(row -> Plain.row(row, GoldenRows.TYPE))
                .toList();
        assertThat(Oracle.rows(Files.readAllBytes(GOLDEN.resolve("batch.arrow"))))
                .isEqualTo(rows);
    }

    @Test
    void theJsonHoldsTheRows() throws IOException {
        assertThat(Json.parseObject(Files.readAllBytes(GOLDEN.resolve("batch.json"))))
                .isEqualTo(Json.parseObject(Json.write(GoldenWriter.json())));
    }
}
