package org.dlonflink.plan;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.secret.Redaction;

/** A text of which some parts stand elsewhere, in the environment or in files, and are read when it is used. */
@Internal
public final class Text implements Serializable {
    private static final long serialVersionUID = 1L;

    private final ArrayList<Part> parts;

    public Text(List<Part> parts) {
        this.parts = new ArrayList<>(parts);
    }

    public static Text of(String plain) {
        return new Text(List.of(new Part(plain, null, null)));
    }

    /** One of the three: what stands here, or the name of a variable or a file that holds it. */
    public record Part(@Nullable String plain, @Nullable String env, @Nullable String file) implements Serializable {}

    /**
     * The whole text.
     *
     * @param place of the text, for the error that names it
     * @throws FailureException where a variable or a file is missing
     */
    public String read(String place) throws FailureException {
        return join(place, UnaryOperator.identity());
    }

    /** The same for texts whose secrets stand within SQL's quotes. */
    public String sql(String place) throws FailureException {
        return join(place, value -> value.replace("'", "''"));
    }

    private String join(String place, UnaryOperator<String> quoted) throws FailureException {
        StringBuilder text = new StringBuilder();
        for (Part part : parts) {
            text.append(part.plain() != null ? part.plain() : quoted.apply(secret(part, place)));
        }
        return text.toString();
    }

    public static Map<String, String> readAll(Map<String, Text> texts, String place) throws FailureException {
        Map<String, String> read = new LinkedHashMap<>();
        for (Map.Entry<String, Text> text : texts.entrySet()) {
            read.put(text.getKey(), text.getValue().read(place + "." + text.getKey()));
        }
        return read;
    }

    private static String secret(Part part, String place) throws FailureException {
        String value = part.env() != null ? System.getenv(part.env()) : contents(part.file(), place);
        if (value == null) {
            throw Failure.of("pipeline", "the environment variable " + part.env() + " is not set")
                    .where(place)
                    .fix("set it where this runs")
                    .exception();
        }
        Redaction.learn(value);
        return value;
    }

    /** Without the line end that an editor leaves. */
    private static String contents(String file, String place) throws FailureException {
        try {
            return Files.readString(Path.of(file)).replaceFirst("\\R\\z", "");
        } catch (IOException e) {
            throw Failure.of("pipeline", "the file of a secret cannot be read")
                    .where(place)
                    .got(file)
                    .exception(e);
        }
    }

    /** For people: the secrets are not in it. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Part part : parts) {
            text.append(part.plain() != null ? part.plain() : "***");
        }
        return text.toString();
    }
}
