package org.dlonflink.plan;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import javax.annotation.Nullable;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;

/** The members of one JSON object; remembers which were asked for, so that all others can be refused. */
final class Members {
    private final String path;
    private final ObjectNode node;
    private final Set<String> known = new HashSet<>();

    Members(String path, ObjectNode node) {
        this.path = path;
        this.node = node;
    }

    String text(String name) throws FailureException {
        return member(name, "a string", JsonNode::isTextual).textValue();
    }

    @Nullable
    String textOrNull(String name) throws FailureException {
        return member(name, "a string or null", n -> n.isTextual() || n.isNull())
                .textValue();
    }

    int integer(String name, int least) throws FailureException {
        String expected = "an integer >= " + least;
        return member(name, expected, n -> n.isInt() && n.intValue() >= least).intValue();
    }

    boolean bool(String name) throws FailureException {
        return member(name, "true or false", JsonNode::isBoolean).booleanValue();
    }

    double share(String name) throws FailureException {
        return member(name, "a number from 0 to 1", n -> n.isNumber() && n.doubleValue() >= 0 && n.doubleValue() <= 1)
                .doubleValue();
    }

    List<String> texts(String name) throws FailureException {
        List<String> texts = new ArrayList<>();
        for (JsonNode element : member(name, "an array of strings", JsonNode::isArray)) {
            require(name + "[" + texts.size() + "]", element, "a string", JsonNode::isTextual);
            texts.add(element.textValue());
        }
        return List.copyOf(texts);
    }

    Map<String, String> map(String name) throws FailureException {
        Map<String, String> map = new LinkedHashMap<>();
        Iterator<Map.Entry<String, JsonNode>> entries =
                member(name, "an object of strings", JsonNode::isObject).fields();
        while (entries.hasNext()) {
            Map.Entry<String, JsonNode> entry = entries.next();
            require(name + "." + entry.getKey(), entry.getValue(), "a string", JsonNode::isTextual);
            map.put(entry.getKey(), entry.getValue().textValue());
        }
        return map;
    }

    /** Texts that may hold references to secrets. */
    List<Text> phrases(String name) throws FailureException {
        List<Text> phrases = new ArrayList<>();
        for (JsonNode element : member(name, "an array of texts", JsonNode::isArray)) {
            phrases.add(phrase(name + "[" + phrases.size() + "]", element));
        }
        return List.copyOf(phrases);
    }

    Map<String, Text> phraseMap(String name) throws FailureException {
        Map<String, Text> map = new LinkedHashMap<>();
        JsonNode texts = member(name, "an object of texts", JsonNode::isObject);
        for (Map.Entry<String, JsonNode> entry : texts.properties()) {
            map.put(entry.getKey(), phrase(name + "." + entry.getKey(), entry.getValue()));
        }
        return map;
    }

    /** A string, or an array of strings and references. */
    private Text phrase(String name, JsonNode value) throws FailureException {
        if (value.isTextual()) {
            return Text.of(value.textValue());
        }
        require(name, value, "a string, or an array of strings and references", JsonNode::isArray);
        List<Text.Part> parts = new ArrayList<>();
        for (JsonNode element : value) {
            String place = name + "[" + parts.size() + "]";
            require(place, element, "a string or a reference", n -> n.isTextual() || n.isObject());
            if (element.isTextual()) {
                parts.add(new Text.Part(element.textValue(), null, null));
            } else {
                parts.add(reference(new Members(path + "." + place, (ObjectNode) element)));
            }
        }
        return new Text(parts);
    }

    private static Text.Part reference(Members reference) throws FailureException {
        Text.Part part = new Text.Part(null, reference.textOrNull("env"), reference.textOrNull("file"));
        reference.refuseOthers();
        if ((part.env() == null) == (part.file() == null)) {
            throw reference.refusal("env", "either a variable or a file", part.env() == null ? "neither" : "both");
        }
        return part;
    }

    Members object(String name) throws FailureException {
        return new Members(path + "." + name, (ObjectNode) member(name, "an object", JsonNode::isObject));
    }

    @Nullable
    Members objectOrNull(String name) throws FailureException {
        JsonNode value = member(name, "an object or null", n -> n.isObject() || n.isNull());
        return value.isNull() ? null : new Members(path + "." + name, (ObjectNode) value);
    }

    List<Members> objects(String name) throws FailureException {
        List<Members> objects = new ArrayList<>();
        for (JsonNode element : member(name, "an array of objects", JsonNode::isArray)) {
            String place = name + "[" + objects.size() + "]";
            require(place, element, "an object", JsonNode::isObject);
            objects.add(new Members(path + "." + place, (ObjectNode) element));
        }
        return objects;
    }

    /** The array as JSON text, not looked into. */
    String array(String name) throws FailureException {
        return Json.write(member(name, "an array", JsonNode::isArray));
    }

    void refuseOthers() throws FailureException {
        Set<String> others = new TreeSet<>();
        node.fieldNames().forEachRemaining(others::add);
        others.removeAll(known);
        if (!others.isEmpty()) {
            throw refusal(others.iterator().next(), "one of " + new TreeSet<>(known), "an unknown member");
        }
    }

    FailureException refusal(String name, String expected, String got) {
        return Failure.of("pipeline", "the plan is refused")
                .where(path + "." + name)
                .expected(expected)
                .got(got)
                .exception();
    }

    private JsonNode member(String name, String expected, Predicate<JsonNode> test) throws FailureException {
        known.add(name);
        JsonNode value = node.get(name);
        if (value == null) {
            throw refusal(name, expected, "nothing");
        }
        require(name, value, expected, test);
        return value;
    }

    private void require(String name, JsonNode value, String expected, Predicate<JsonNode> test)
            throws FailureException {
        if (!test.test(value)) {
            String text = Json.write(value);
            throw refusal(name, expected, text.length() <= 80 ? text : text.substring(0, 80) + "...");
        }
    }
}
