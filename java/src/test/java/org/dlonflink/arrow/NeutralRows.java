package org.dlonflink.arrow;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.table.catalog.ObjectIdentifier;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericMapData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RawValueData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.DistinctType;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.MultisetType;
import org.apache.flink.table.types.logical.RawType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.StructuredType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.apache.flink.types.variant.BinaryVariant;

/**
 * Flink's types and rows from JSON, without Arrow: a scalar type is {@code {"sql": text}}, others name their parts, and
 * {@code "null"} says whether they may be NULL. Numbers are JSON's, but DECIMAL is its unscaled value as text, a float its
 * bits; texts are texts, bytes hex; times are counts of the unit that Arrow would use; maps are lists of pairs.
 */
final class NeutralRows {
    private static final LogicalType BYTES = new RawType<>(byte[].class, BytePrimitiveArraySerializer.INSTANCE);
    private static final ObjectIdentifier NAME = ObjectIdentifier.of("c", "d", "t");
    private static final BigInteger THOUSAND = BigInteger.valueOf(1_000);

    private NeutralRows() {}

    static RowType rowType(JsonNode fields) {
        List<RowType.RowField> made = new ArrayList<>();
        fields.forEach(field -> made.add(new RowType.RowField(field.get(0).textValue(), type(field.get(1)))));
        return new RowType(made);
    }

    private static LogicalType type(JsonNode type) {
        boolean nullable = type.get("null").booleanValue();
        String kind = type.fieldNames().next();
        JsonNode of = type.get(kind);
        LogicalType made =
                switch (kind) {
                    case "sql" -> LogicalTypeParser.parse(of.textValue(), NeutralRows.class.getClassLoader());
                    case "array" -> new ArrayType(type(of));
                    case "map" -> new MapType(type(of.get(0)), type(of.get(1)));
                    case "multiset" -> new MultisetType(type(of));
                    case "row" -> rowType(of);
                    case "structured" -> structured(rowType(of));
                    case "distinct" -> DistinctType.newBuilder(NAME, type(of)).build();
                    case "raw" -> BYTES;
                    default -> throw new IllegalArgumentException(kind);
                };
        return made.isNullable() == nullable ? made : made.copy(nullable);
    }

    private static StructuredType structured(RowType fields) {
        return StructuredType.newBuilder("no.such.Class")
                .attributes(fields.getFields().stream()
                        .map(f -> new StructuredType.StructuredAttribute(f.getName(), f.getType()))
                        .toList())
                .build();
    }

    static GenericRowData row(JsonNode values, LogicalType type) {
        List<LogicalType> types = LogicalTypeChecks.getFieldTypes(type);
        GenericRowData row = new GenericRowData(types.size());
        for (int i = 0; i < types.size(); i++) {
            row.setField(i, value(values.get(i), types.get(i)));
        }
        return row;
    }

    private static Object value(JsonNode value, LogicalType type) {
        if (value.isNull()) {
            return null;
        }
        return switch (type.getTypeRoot()) {
            case BOOLEAN -> value.booleanValue();
            case TINYINT -> (byte) value.intValue();
            case SMALLINT -> (short) value.intValue();
            case INTEGER, DATE, TIME_WITHOUT_TIME_ZONE, INTERVAL_YEAR_MONTH -> value.intValue();
            case BIGINT, INTERVAL_DAY_TIME -> value.longValue();
            case FLOAT -> Float.intBitsToFloat((int) value.longValue());
            case DOUBLE -> Double.longBitsToDouble(value.longValue());
            case DECIMAL -> decimal(value.textValue(), (DecimalType) type);
            case CHAR, VARCHAR -> StringData.fromString(value.textValue());
            case BINARY, VARBINARY -> bytes(value);
            case RAW ->
                RawValueData.fromBytes(
                        RawValueData.fromObject(bytes(value)).toBytes(BytePrimitiveArraySerializer.INSTANCE));
            case VARIANT -> new BinaryVariant(bytes(value.get(1)), bytes(value.get(0)));
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE ->
                timestamp(value.bigIntegerValue(), LogicalTypeChecks.getPrecision(type));
            case ARRAY -> array(value, ((ArrayType) type).getElementType());
            case MAP -> map(value, ((MapType) type).getKeyType(), ((MapType) type).getValueType());
            case MULTISET -> map(value, ((MultisetType) type).getElementType(), new IntType(false));
            case ROW, STRUCTURED_TYPE -> row(value, type);
            case DISTINCT_TYPE -> value(value, ((DistinctType) type).getSourceType());
            default -> throw new IllegalArgumentException(type.toString());
        };
    }

    private static byte[] bytes(JsonNode hex) {
        return HexFormat.of().parseHex(hex.textValue());
    }

    private static DecimalData decimal(String unscaled, DecimalType type) {
        BigDecimal value = new BigDecimal(new BigInteger(unscaled), type.getScale());
        return DecimalData.fromBigDecimal(value, type.getPrecision(), type.getScale());
    }

    /** By way of nanoseconds since the epoch, which no 64 bits hold. */
    private static TimestampData timestamp(BigInteger ticks, int precision) {
        int digits = (precision + 2) / 3 * 3;
        BigInteger nanos = ticks.multiply(BigInteger.TEN.pow(9 - digits));
        BigInteger below = nanos.mod(THOUSAND.pow(2));
        BigInteger millis = nanos.subtract(below).divide(THOUSAND.pow(2));
        return TimestampData.fromEpochMillis(millis.longValueExact(), below.intValueExact());
    }

    private static GenericArrayData array(JsonNode values, LogicalType element) {
        List<Object> elements = new ArrayList<>();
        values.forEach(value -> elements.add(value(value, element)));
        return new GenericArrayData(elements.toArray());
    }

    private static GenericMapData map(JsonNode pairs, LogicalType key, LogicalType value) {
        Map<Object, Object> map = new LinkedHashMap<>();
        pairs.forEach(pair -> map.put(value(pair.get(0), key), value(pair.get(1), value)));
        return new GenericMapData(map);
    }
}
