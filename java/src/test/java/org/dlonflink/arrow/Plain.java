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
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/**
 * Flink's internal data as plain Java values that can be compared: bytes as hex, timestamps as counts of their Arrow unit
 * (worked out by java.time, not by the code under test), arrays and rows as lists, maps as lists of pairs.
 */
final class Plain {
    private static final BigInteger BILLION = BigInteger.valueOf(1_000_000_000L);

    private Plain() {}

    static List<Object> row(RowData row, RowType type) {
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < type.getFieldCount(); i++) {
            LogicalType field = type.getTypeAt(i);
            values.add(value(RowData.createFieldGetter(field, i).getFieldOrNull(row), field));
        }
        return values;
    }

    private static List<Object> array(ArrayData array, LogicalType element) {
        ArrayData.ElementGetter getter = ArrayData.createElementGetter(element);
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < array.size(); i++) {
            values.add(value(getter.getElementOrNull(array, i), element));
        }
        return values;
    }

    private static List<Object> map(MapData map, MapType type) {
        List<Object> keys = array(map.keyArray(), type.getKeyType());
        List<Object> values = array(map.valueArray(), type.getValueType());
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
            case MAP -> map((MapData) value, (MapType) type);
            case ROW -> row((RowData) value, (RowType) type);
            default -> value;
        };
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
