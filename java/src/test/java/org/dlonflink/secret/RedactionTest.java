package org.dlonflink.secret;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.shaded.netty4.io.netty.buffer.ByteBuf;
import org.apache.flink.shaded.netty4.io.netty.buffer.Unpooled;
import org.apache.flink.shaded.netty4.io.netty.channel.embedded.EmbeddedChannel;
import org.dlonflink.failure.Failure;
import org.dlonflink.json.Json;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class RedactionTest {
    private static final String VALUE = "it's \"$1\" \\E{x}\n\u00e9\u20ac tail-of-secret";

    @BeforeAll
    static void learn() {
        Redaction.learn(VALUE);
        Redaction.learn("abc");
    }

    @Test
    void everyFormIsFound() {
        String json = Json.write(Json.object().put("a", VALUE));
        assertThat(Redaction.of(json)).isEqualTo("{\"a\":\"***\"}");
        assertThat(Redaction.of("x " + VALUE + " y")).isEqualTo("x *** y");
        assertThat(Redaction.of("'" + VALUE.replace("'", "''") + "'")).isEqualTo("'***'");
        assertThat(Redaction.of("'it\\'s \"$1\" \\\\E{x}\\n\u00e9\u20ac tail-of-secret'"))
                .isEqualTo("'***'");
        assertThat(Redaction.of("one line: \u00e9\u20ac tail-of-secret")).isEqualTo("one line: ***");
    }

    @Test
    void aSecretThatIsAWordOfOursBreaksNoObject() {
        Redaction.learn("where-word");
        ObjectNode error = Json.object().put("code", "where-word");
        error.put("where-word", "a where-word")
                .putArray("causes")
                .add("where-word")
                .add(1);
        error.putObject("error").put("what", VALUE);
        assertThat(Redaction.json(error))
                .isEqualTo("{\"code\":\"where-word\",\"where-word\":\"a ***\",\"causes\":[\"***\",1],"
                        + "\"error\":{\"what\":\"***\"}}");
    }

    @Test
    void whatIsTooShortIsNoSecret() {
        assertThat(Redaction.of("abcdef")).isEqualTo("abcdef");
    }

    @Test
    void aFailureDoesNotCarryIt() {
        assertThat(Failure.of("sql", "not: " + VALUE).exception().getMessage())
                .contains("not: ***")
                .doesNotContain("tail-of-secret");
    }

    @Test
    void aStreamIsReplacedLineByLineHoweverItIsCut() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] bytes = ("a " + VALUE.replace("\n", " ") + "\nb \u00e9\u20ac tail-of-secret c\nrest")
                .getBytes(StandardCharsets.UTF_8);
        try (OutputStream lines = Redaction.stream(out)) {
            for (byte one : bytes) {
                lines.write(one);
            }
            assertThat(out.toString(StandardCharsets.UTF_8)).endsWith("c\n").doesNotContain("tail-of-secret");
        }
        assertThat(out.toString(StandardCharsets.UTF_8)).endsWith("b *** c\nrest");
    }

    @Test
    void theWebGetsAsManyBytes() throws Exception {
        EmbeddedChannel channel = new EmbeddedChannel(
                new WebRedaction().createHandler(new Configuration(), Map.of()).orElseThrow());
        String page = Json.write(Json.object().put("a", VALUE).put("b", "c"));
        ByteBuf bytes = Unpooled.copiedBuffer(page, StandardCharsets.UTF_8);
        int length = bytes.readableBytes();
        channel.writeOutbound(bytes);
        ByteBuf sent = channel.readOutbound();
        assertThat(sent.readableBytes()).isEqualTo(length);
        assertThat(sent.toString(StandardCharsets.UTF_8)).matches("\\{\"a\":\"\\*+\",\"b\":\"c\"\\}");
        sent.release();
        channel.finish();
    }
}
