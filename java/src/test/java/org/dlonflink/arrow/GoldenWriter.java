package org.dlonflink.arrow;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RawValueData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.MultisetType;
import org.apache.flink.table.types.logical.RawType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.variant.BinaryVariant;

/** Writes contract/golden/batch.arrow and batch.json anew: {@code GoldenWriter DIRECTORY}, after the contract changed. */
final class GoldenWriter {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private GoldenWriter() {}

    public static void main(String[] args) throws IOException {
        Path directory = Path.of(args[0]);
        Files.write(directory.resolve("batch.arrow"), arrow());
        Files.writeString(directory.resolve("batch.json"), json().toPrettyString() + "\n");
    }

    /** An Arrow IPC stream, by the codec under test. */
    static byte[] arrow() {
        ArrowEncoder encoder = new ArrowEncoder(GoldenRows.TYPE, Integer.MAX_VALUE);
        List<byte[]> batches = new ArrayList<>();
        for (List<GenericRowData> batch : GoldenRows.BATCHES) {
            batch.forEach(encoder::write);
            batches.add(ArrowEncoderTest.finish(encoder));
        }
        return Oracle.stream(ArrowSchema.message(GoldenRows.TYPE), batches);
    }

    /** The same values as contract/golden/README.md says they are written. */
    static ObjectNode json() {
        ObjectNode golden = JSON.objectNode();
        ObjectNode columns = golden.putObject("columns");
        List<String> names = GoldenRows.TYPE.getFieldNames();
        for (int i = 0; i < names.size(); i++) {
            columns.put(names.get(i), GoldenRows.sql(i));
        }
        ArrayNode batches = golden.putArray("batches");
        for (List<GenericRowData> batch : GoldenRows.BATCHES) {
            ArrayNode rows = batches.addArray();
            batch.forEach(row -> rows.add(row(row, GoldenRows.TYPE)));
        }
        return golden;
    }

    private static JsonNode row(RowData row, RowType type) {
        ObjectNode node = JSON.objectNode();
        for (int i = 0; i < type.getFieldCount(); i++) {
            LogicalType field = type.getTypeAt(i);
            Object value =
                    row.isNullAt(i) ? null : RowData.createFieldGetter(field, i).getFieldOrNull(row);
            node.set(type.getFieldNames().get(i), value(value, field));
        }
        return node;
    }

    private static List<JsonNode> elements(ArrayData array, LogicalType element) {
        ArrayData.ElementGetter getter = ArrayData.createElementGetter(element);
        List<JsonNode> values = new ArrayList<>();
        for (int i = 0; i < array.size(); i++) {
            values.add(value(getter.getElementOrNull(array, i), element));
        }
        return values;
    }

    private static JsonNode pairs(MapData map, LogicalType key, LogicalType value) {
        List<JsonNode> keys = elements(map.keyArray(), key);
        List<JsonNode> values = elements(map.valueArray(), value);
        ArrayNode pairs = JSON.arrayNode();
        for (int i = 0; i < keys.size(); i++) {
            pairs.addArray().add(keys.get(i)).add(values.get(i));
        }
        return pairs;
    }

    private static JsonNode value(Object value, LogicalType type) {
        if (value == null) {
            return JSON.nullNode();
        }
        return switch (type.getTypeRoot()) {
            case BOOLEAN -> JSON.booleanNode((Boolean) value);
            case TINYINT, SMALLINT, INTEGER, BIGINT -> JSON.numberNode(((Number) value).longValue());
            case FLOAT, DOUBLE -> number(((Number) value).doubleValue());
            case DECIMAL -> JSON.textNode(((DecimalData) value).toBigDecimal().toPlainString());
            case CHAR, VARCHAR -> JSON.textNode(value.toString());
            case BINARY, VARBINARY -> JSON.textNode(HexFormat.of().formatHex((byte[]) value));
            case DATE -> JSON.textNode(LocalDate.ofEpochDay((Integer) value).toString());
            case TIME_WITHOUT_TIME_ZONE ->
                JSON.textNode(
                        DateTimeFormatter.ISO_LOCAL_TIME.format(LocalTime.ofNanoOfDay((Integer) value * 1_000_000L)));
            case TIMESTAMP_WITHOUT_TIME_ZONE -> JSON.textNode(iso(value));
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE -> JSON.textNode(iso(value) + "Z");
            case ARRAY -> JSON.arrayNode().addAll(elements((ArrayData) value, ((ArrayType) type).getElementType()));
            case MAP -> pairs((MapData) value, ((MapType) type).getKeyType(), ((MapType) type).getValueType());
            case MULTISET -> pairs((MapData) value, ((MultisetType) type).getElementType(), new IntType(false));
            case ROW -> row((RowData) value, (RowType) type);
            case STRUCTURED_TYPE -> row((RowData) value, Plain.asRow(type));
            case INTERVAL_DAY_TIME, INTERVAL_YEAR_MONTH -> JSON.numberNode(((Number) value).longValue());
            case RAW -> JSON.textNode(Plain.raw((RawValueData<?>) value, (RawType<?>) type));
            case VARIANT -> variant((BinaryVariant) value);
            default -> throw new IllegalStateException(type.toString());
        };
    }

    private static JsonNode variant(BinaryVariant value) {
        return JSON.objectNode()
                .put("metadata", HexFormat.of().formatHex(value.getMetadata()))
                .put("value", HexFormat.of().formatHex(value.getValue()));
    }

    private static JsonNode number(double value) {
        return Double.isFinite(value) ? JSON.numberNode(value) : JSON.textNode(Double.toString(value));
    }

    private static String iso(Object value) {
        return DateTimeFormatter.ISO_LOCAL_DATE_TIME.format(((TimestampData) value).toLocalDateTime());
    }
}
