package org.dlonflink.secret;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.TextNode;
import org.dlonflink.json.Json;

/**
 * Takes the values of secrets out of what this process says. A value is known from the moment it was first read, in the
 * forms that it takes within SQL, JSON and Python's texts.
 */
@Internal
public final class Redaction {
    private static final String MASK = "***";

    /** Shorter ones stand in many words, which nobody could read any more. */
    private static final int SHORTEST = 4;

    private static final int SHORTEST_LINE = 8;

    /** Members of events and of the ERROR object whose values are words of ours. */
    private static final Set<String> WORDS = Set.of("event", "stage", "code");

    /** Longest first: one value may begin another. */
    private static final Set<String> FORMS =
            new TreeSet<>(Comparator.comparingInt(String::length).reversed().thenComparing(Comparator.naturalOrder()));

    @Nullable
    private static volatile Pattern known;

    private Redaction() {}

    /** From now on {@code value} is not said. */
    public static void learn(String value) {
        synchronized (FORMS) {
            add(value, SHORTEST);
            // A key file's lines may be said one by one.
            value.lines().filter(line -> !line.equals(value)).forEach(line -> add(line, SHORTEST_LINE));
            known = FORMS.isEmpty()
                    ? null
                    : Pattern.compile(FORMS.stream().map(Pattern::quote).collect(Collectors.joining("|")));
        }
    }

    private static void add(String value, int shortest) {
        if (value.length() < shortest) {
            return;
        }
        String python = value.replace("\\", "\\\\")
                .replace("\n", "\\n")
                .replace("\r", "\\r")
                .replace("\t", "\\t");
        for (String form : new String[] {value, value.replace("'", "''"), python, python.replace("'", "\\'")}) {
            FORMS.add(form);
            FORMS.add(json(form));
        }
    }

    private static String json(String text) {
        String quoted = Json.write(Json.object().textNode(text));
        return quoted.substring(1, quoted.length() - 1);
    }

    /** {@code text} with three stars for every value. */
    public static String of(String text) {
        return replace(text, match -> MASK);
    }

    /** {@code object} as JSON text; of its values alone, for its keys and codes are words that a secret may be equal to. */
    public static String json(ObjectNode object) {
        return Json.write(known == null ? object : redacted(object));
    }

    private static JsonNode redacted(JsonNode node) {
        if (node.isTextual()) {
            return TextNode.valueOf(of(node.textValue()));
        }
        if (node instanceof ArrayNode array) {
            ArrayNode copy = array.arrayNode();
            array.forEach(element -> copy.add(redacted(element)));
            return copy;
        }
        if (node instanceof ObjectNode object) {
            ObjectNode copy = object.objectNode();
            object.properties()
                    .forEach(e ->
                            copy.set(e.getKey(), WORDS.contains(e.getKey()) ? e.getValue() : redacted(e.getValue())));
            return copy;
        }
        return node;
    }

    /** The same in as many bytes of UTF-8 as before. */
    static String ofSameSize(String text) {
        return replace(text, match -> "*".repeat(match.group().getBytes(StandardCharsets.UTF_8).length));
    }

    static boolean knowsNothing() {
        return known == null;
    }

    private static String replace(String text, Function<MatchResult, String> stars) {
        Pattern values = known;
        return values == null ? text : values.matcher(text).replaceAll(stars);
    }

    /** Hands on what is written to it line by line; without secrets at once. */
    public static OutputStream stream(OutputStream out) {
        return new Lines(out);
    }

    private static final class Lines extends OutputStream {
        private final OutputStream out;
        private final ByteArrayOutputStream line = new ByteArrayOutputStream();

        Lines(OutputStream out) {
            this.out = out;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
            if (knowsNothing() && line.size() == 0) {
                out.write(bytes, offset, length);
                return;
            }
            int end = offset + length;
            while (end > offset && bytes[end - 1] != '\n') {
                end--;
            }
            line.write(bytes, offset, end - offset);
            if (end > offset) {
                release();
            }
            line.write(bytes, end, offset + length - end);
        }

        private void release() throws IOException {
            String text = line.toString(StandardCharsets.UTF_8);
            line.reset();
            out.write(of(text).getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public synchronized void flush() throws IOException {
            if (line.size() > 0) {
                release();
            }
            out.flush();
        }

        @Override
        public void close() throws IOException {
            try (out) {
                flush();
            }
        }
    }
}
