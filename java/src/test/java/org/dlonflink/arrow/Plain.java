package org.dlonflink.arrow;

import java.math.BigInteger;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RawValueData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.DistinctType;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.MultisetType;
import org.apache.flink.table.types.logical.RawType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;
import org.apache.flink.types.variant.BinaryVariant;

/**
 * Flink's internal data as plain Java values that can be compared: bytes as hex, timestamps as counts of their Arrow unit
 * (worked out by java.time, not by the code under test), arrays and rows as lists, maps and
 * multisets as lists of pairs, RAW and the two parts of a VARIANT as hex.
 */
final class Plain {
    private static final BigInteger BILLION = BigInteger.valueOf(1_000_000_000L);

    private Plain() {}

    static List<Object> row(RowData row, RowType type) {
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < type.getFieldCount(); i++) {
            LogicalType field = type.getTypeAt(i);
            Object held =
                    row.isNullAt(i) ? null : RowData.createFieldGetter(field, i).getFieldOrNull(row);
            values.add(value(held, field));
        }
        return values;
    }

    private static List<Object> array(ArrayData array, LogicalType element) {
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < array.size(); i++) {
            Object held = array.isNullAt(i)
                    ? null
                    : ArrayData.createElementGetter(element).getElementOrNull(array, i);
            values.add(value(held, element));
        }
        return values;
    }

    private static List<Object> map(MapData map, LogicalType key, LogicalType value) {
        List<Object> keys = array(map.keyArray(), key);
        List<Object> values = array(map.valueArray(), value);
        List<Object> pairs = new ArrayList<>();
        for (int i = 0; i < keys.size(); i++) {
            pairs.add(Arrays.asList(keys.get(i), values.get(i)));
        }
        return pairs;
    }

    private static Object value(Object value, LogicalType type) {
        if (value == null) {
            return null;
        }
        return switch (type.getTypeRoot()) {
            case CHAR, VARCHAR -> value.toString();
            case BINARY, VARBINARY -> HexFormat.of().formatHex((byte[]) value);
            case DECIMAL -> ((org.apache.flink.table.data.DecimalData) value).toBigDecimal();
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE ->
                units(
                        ((org.apache.flink.table.data.TimestampData) value).toLocalDateTime(),
                        LogicalTypeChecks.getPrecision(type));
            case ARRAY -> array((ArrayData) value, ((ArrayType) type).getElementType());
            case MAP -> map((MapData) value, ((MapType) type).getKeyType(), ((MapType) type).getValueType());
            case MULTISET -> map((MapData) value, ((MultisetType) type).getElementType(), new IntType(false));
            case ROW -> row((RowData) value, (RowType) type);
            case STRUCTURED_TYPE -> row((RowData) value, asRow(type));
            case DISTINCT_TYPE -> value(value, ((DistinctType) type).getSourceType());
            case RAW -> raw((RawValueData<?>) value, (RawType<?>) type);
            case VARIANT -> variant((BinaryVariant) value);
            default -> value;
        };
    }

    static RowType asRow(LogicalType type) {
        return RowType.of(
                LogicalTypeChecks.getFieldTypes(type).toArray(LogicalType[]::new),
                LogicalTypeChecks.getFieldNames(type).toArray(String[]::new));
    }

    @SuppressWarnings("unchecked")
    static <T> String raw(RawValueData<?> value, RawType<T> type) {
        return HexFormat.of().formatHex(((RawValueData<T>) value).toBytes(type.getTypeSerializer()));
    }

    private static List<Object> variant(BinaryVariant value) {
        HexFormat hex = HexFormat.of();
        return List.of(hex.formatHex(value.getMetadata()), hex.formatHex(value.getValue()));
    }

    private static Long units(LocalDateTime time, int precision) {
        BigInteger nanos = BigInteger.valueOf(time.toEpochSecond(ZoneOffset.UTC))
                .multiply(BILLION)
                .add(BigInteger.valueOf(time.getNano()));
        int digits = (precision + 2) / 3 * 3;
        BigInteger[] parts = nanos.divideAndRemainder(BigInteger.TEN.pow(9 - digits));
        return (parts[1].signum() < 0 ? parts[0].subtract(BigInteger.ONE) : parts[0]).longValueExact();
    }
}
