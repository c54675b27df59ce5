package org.dlonflink.rejects;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.Set;
import org.apache.flink.formats.common.TimestampFormat;
import org.apache.flink.formats.json.JsonToRowDataConverters;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.DeserializationFeature;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.RowType;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;

/**
 * A line of JSON as a row, by the conversion of Flink's json format, but only of what is of its column's kind: where
 * Flink would make a text of a number, or a number of a text, the local runtime refuses, and so does this.
 */
final class JsonRow {
    private static final ObjectMapper MAPPER = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

    private static final Set<String> WORDS = Set.of("NaN", "Infinity", "-Infinity");
    private static final int SHOWN_CHARACTERS = 100;
    private static final int MAX_EXPONENT = 1_000;

    private final TextRows rows;
    private final JsonToRowDataConverters.JsonToRowDataConverter[] converters;

    JsonRow(TextRows rows) {
        this.rows = rows;
        JsonToRowDataConverters all = new JsonToRowDataConverters(false, false, TimestampFormat.SQL);
        converters = rows.columns().getChildren().stream()
                .map(all::createConverter)
                .toArray(JsonToRowDataConverters.JsonToRowDataConverter[]::new);
    }

    /** @throws FailureException (code data) that says what is no row in the line */
    GenericRowData parse(byte[] line) throws FailureException {
        JsonNode object;
        try {
            object = MAPPER.readTree(StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(line))
                    .toString());
        } catch (CharacterCodingException e) {
            throw refusal("a line is not UTF-8", "JSON in UTF-8", null);
        } catch (IOException e) {
            throw refusal(
                    "a line is not JSON",
                    "a JSON object",
                    e.getMessage().lines().findFirst().orElse(""));
        }
        if (!object.isObject()) {
            throw refusal("a line holds no row", "a JSON object", shown(object));
        }
        GenericRowData row = new GenericRowData(rows.arity());
        for (int i = 0; i < converters.length; i++) {
            row.setField(i, value(i, object.get(rows.columns().getFieldNames().get(i))));
        }
        return row;
    }

    private Object value(int column, JsonNode node) throws FailureException {
        LogicalType type = rows.columns().getTypeAt(column);
        boolean missing = node == null || node.isNull();
        if (missing && type.isNullable()) {
            return null;
        }
        String what = "column '" + rows.columns().getFieldNames().get(column) + "' cannot hold this value";
        if (missing || !fits(node, type)) {
            throw refusal(what, type.asSummaryString(), missing ? "null" : shown(node));
        }
        try {
            return converters[column].convert(node);
        } catch (RuntimeException e) {
            throw refusal(what, type.asSummaryString(), shown(node));
        }
    }

    private static boolean fits(JsonNode node, LogicalType type) {
        if (node.isNull()) {
            return type.isNullable();
        }
        return switch (type.getTypeRoot()) {
            case BOOLEAN -> node.isBoolean();
            case TINYINT, SMALLINT, INTEGER, BIGINT -> node.isNumber() && node.canConvertToExactIntegral();
            case FLOAT, DOUBLE -> node.isNumber() || node.isTextual() && WORDS.contains(node.textValue());
            case DECIMAL -> isDecimal(node, (DecimalType) type);
            case ARRAY -> node.isArray() && all(node, ((ArrayType) type).getElementType());
            case MAP -> node.isObject() && all(node, ((MapType) type).getValueType());
            case ROW -> node.isObject() && fields(node, (RowType) type);
            case DATE, TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE ->
                node.isTextual() && isDay(node.textValue());
            default -> node.isTextual();
        };
    }

    /** Flink makes a NULL of a number with too many digits; and it would write out all those of 1e999999999. */
    private static boolean isDecimal(JsonNode node, DecimalType type) {
        if (!node.isNumber() && !node.isTextual()) {
            return false;
        }
        try {
            BigDecimal number = new BigDecimal(node.asText());
            return Math.abs((long) number.scale()) <= MAX_EXPONENT
                    && number.setScale(type.getScale(), RoundingMode.HALF_UP).precision() <= type.getPrecision();
        } catch (NumberFormatException e) {
            return false;
        }
    }

    /** Flink takes the 30th of February for the 28th. */
    private static boolean isDay(String text) {
        try {
            return LocalDate.parse(text.substring(0, Math.min(10, text.length())))
                            .getYear()
                    > 0;
        } catch (DateTimeParseException e) {
            return false;
        }
    }

    private static boolean all(JsonNode nodes, LogicalType type) {
        for (JsonNode node : nodes) {
            if (!fits(node, type)) {
                return false;
            }
        }
        return true;
    }

    private static boolean fields(JsonNode object, RowType type) {
        for (RowType.RowField field : type.getFields()) {
            JsonNode node = object.get(field.getName());
            if (node == null ? !field.getType().isNullable() : !fits(node, field.getType())) {
                return false;
            }
        }
        return true;
    }

    private static FailureException refusal(String what, String expected, String got) {
        return Failure.of("data", what).expected(expected).got(got).exception();
    }

    private static String shown(JsonNode node) {
        String text = node.toString();
        return text.length() <= SHOWN_CHARACTERS ? text : text.substring(0, SHOWN_CHARACTERS) + "...";
    }
}
