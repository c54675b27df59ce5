package org.dlonflink.arrow;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericMapData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RawValueData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RawType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.apache.flink.types.variant.BinaryVariantInternalBuilder;
import org.apache.flink.types.variant.Variant;

/** The rows of contract/golden/batch.arrow: every type that crosses, with its extremes and its null. */
final class GoldenRows {
    private static final String[][] COLUMNS = {
        {"boolean", "BOOLEAN"},
        {"tinyint", "TINYINT"},
        {"smallint", "SMALLINT"},
        {"int", "INT"},
        {"bigint", "BIGINT NOT NULL"},
        {"float", "FLOAT"},
        {"double", "DOUBLE"},
        {"decimal_9_2", "DECIMAL(9, 2)"},
        {"decimal_38_10", "DECIMAL(38, 10)"},
        {"char_3", "CHAR(3)"},
        {"string", "STRING"},
        {"binary_2", "BINARY(2)"},
        {"bytes", "BYTES"},
        {"date", "DATE"},
        {"time", "TIME(3)"},
        {"timestamp_0", "TIMESTAMP(0)"},
        {"timestamp_3", "TIMESTAMP(3)"},
        {"timestamp_6", "TIMESTAMP(6)"},
        {"timestamp_9", "TIMESTAMP(9)"},
        {"timestamp_ltz_0", "TIMESTAMP_LTZ(0)"},
        {"timestamp_ltz_3", "TIMESTAMP_LTZ(3)"},
        {"timestamp_ltz_6", "TIMESTAMP_LTZ(6)"},
        {"timestamp_ltz_9", "TIMESTAMP_LTZ(9)"},
        {"array", "ARRAY<BIGINT>"},
        {"floats", "ARRAY<FLOAT NOT NULL>"},
        {"map", "MAP<STRING NOT NULL, INT>"},
        {"map_null_key", "MAP<STRING, INT>"},
        {"multiset", "MULTISET<INT>"},
        {"multiset_not_null", "MULTISET<STRING NOT NULL>"},
        {"row", "ROW<a INT, b STRING NOT NULL>"},
        {"nested", "ARRAY<ROW<k STRING, v MAP<INT, ARRAY<DOUBLE>>>>"},
        {"interval_day", "INTERVAL DAY TO SECOND(3)"},
        {"interval_year", "INTERVAL YEAR TO MONTH"},
        {"variant", "VARIANT"},
        {"structured", "STRUCTURED<'no.such.Class', a INT, b ARRAY<STRING NOT NULL>>"},
        {"raw", new RawType<>(String.class, StringSerializer.INSTANCE).asSerializableString()},
        {"null", "NULL"},
        {"deep", "ROW<a MAP<ROW<k INT>, MULTISET<ARRAY<INTERVAL MONTH>>>, b ROW<c ARRAY<ARRAY<VARIANT>>> NOT NULL>"},
    };

    static final RowType TYPE = type();

    static final List<List<GenericRowData>> BATCHES =
            List.of(List.of(ordinary(), nulls(), smallest(), largest()), List.of(empties(), ordinary()));

    private GoldenRows() {}

    static String sql(int column) {
        return COLUMNS[column][1];
    }

    private static RowType type() {
        LogicalType[] types = Arrays.stream(COLUMNS)
                .map(column -> LogicalTypeParser.parse(column[1], GoldenRows.class.getClassLoader()))
                .toArray(LogicalType[]::new);
        return RowType.of(types, Arrays.stream(COLUMNS).map(column -> column[0]).toArray(String[]::new));
    }

    private static GenericRowData ordinary() {
        return row(
                scalars(true, (byte) 7, (short) 700, 70_000, 7_000_000_000L, 0.1f, 0.1),
                decimals("1234567.89", "12345.0123456789"),
                variable("abc", "Zürich, 東京 😀", new byte[] {1, (byte) 0xFF}, new byte[] {0, 1, 2}),
                times(LocalDate.of(2013, 1, 1), LocalTime.of(5, 15, 0, 123_000_000)),
                timestamps("2013-01-01T05:15:00.123456789"),
                new Object[] {
                    new GenericArrayData(new Object[] {1L, null, 3L}),
                    new GenericArrayData(new float[] {0.5f, -0.25f}),
                    map(text("one"), 1, text("none"), null),
                    map(null, 1, text("none"), null),
                    map(7, 2, null, 1),
                    map(text("twice"), 2),
                    GenericRowData.of(1, text("x")),
                    new GenericArrayData(new Object[] {
                        GenericRowData.of(text("k"), map(1, new GenericArrayData(new Object[] {1.5, null}), 2, null)),
                        null,
                        GenericRowData.of(null, null),
                    }),
                    93_784_005L,
                    14,
                    variant("{\"a\": [1, null, 0.5], \"é\": \"x\"}"),
                    GenericRowData.of(1, new GenericArrayData(new Object[] {text("y")})),
                    raw("held"),
                    null,
                    GenericRowData.of(
                            map(
                                    GenericRowData.of(1),
                                    map(new GenericArrayData(new Object[] {1, null}), 3),
                                    null,
                                    null,
                                    GenericRowData.of((Object) null),
                                    map(null, 1)),
                            GenericRowData.of(new GenericArrayData(
                                    new Object[] {new GenericArrayData(new Object[] {variant("true"), null}), null})))
                });
    }

    private static GenericRowData nulls() {
        GenericRowData row = new GenericRowData(COLUMNS.length);
        row.setField(TYPE.getFieldIndex("bigint"), 0L);
        return row;
    }

    private static GenericRowData smallest() {
        return row(
                scalars(
                        false,
                        Byte.MIN_VALUE,
                        Short.MIN_VALUE,
                        Integer.MIN_VALUE,
                        Long.MIN_VALUE,
                        Float.NEGATIVE_INFINITY,
                        -Double.MAX_VALUE),
                decimals("-9999999.99", "-9999999999999999999999999999.9999999999"),
                variable("   ", "\0", new byte[] {0, 0}, new byte[] {0}),
                times(LocalDate.of(1, 1, 1), LocalTime.MIDNIGHT),
                timestamps("1677-09-21T00:12:44.000000001"),
                new Object[] {
                    new GenericArrayData(new Object[] {Long.MIN_VALUE}),
                    new GenericArrayData(new float[] {-0.0f}),
                    map(text(""), Integer.MIN_VALUE),
                    map(null, Integer.MIN_VALUE),
                    map(Integer.MIN_VALUE, 1),
                    map(text(""), 1),
                    GenericRowData.of(null, text("")),
                    new GenericArrayData(new Object[] {null}),
                    Long.MIN_VALUE,
                    Integer.MIN_VALUE,
                    variant("null"),
                    GenericRowData.of(null, null),
                    raw(""),
                    null,
                    GenericRowData.of(null, GenericRowData.of((Object) null))
                });
    }

    private static GenericRowData largest() {
        return row(
                scalars(
                        true,
                        Byte.MAX_VALUE,
                        Short.MAX_VALUE,
                        Integer.MAX_VALUE,
                        Long.MAX_VALUE,
                        Float.NaN,
                        Double.POSITIVE_INFINITY),
                decimals("9999999.99", "9999999999999999999999999999.9999999999"),
                variable("zzz", "y".repeat(1000), new byte[] {-1, -1}, new byte[300]),
                times(LocalDate.of(9999, 12, 31), LocalTime.of(23, 59, 59, 999_000_000)),
                timestamps("2262-04-11T23:47:16.854775807"),
                new Object[] {
                    new GenericArrayData(new Object[] {Long.MAX_VALUE, 0L}),
                    new GenericArrayData(new float[] {Float.MAX_VALUE, Float.MIN_VALUE}),
                    map(text("k"), Integer.MAX_VALUE),
                    map(text("k"), Integer.MAX_VALUE, null, 0),
                    map(Integer.MAX_VALUE, Integer.MAX_VALUE),
                    map(text("z"), Integer.MAX_VALUE),
                    GenericRowData.of(Integer.MAX_VALUE, text("z")),
                    new GenericArrayData(new Object[] {GenericRowData.of(text("m"), map())}),
                    Long.MAX_VALUE,
                    Integer.MAX_VALUE,
                    variant("\"" + "z".repeat(100) + "\""),
                    GenericRowData.of(Integer.MAX_VALUE, new GenericArrayData(new Object[] {text("y"), text("😀")})),
                    raw("東京"),
                    null,
                    GenericRowData.of(map(), GenericRowData.of(new GenericArrayData(new Object[] {null})))
                });
    }

    private static GenericRowData empties() {
        return row(
                scalars(false, (byte) 0, (short) 0, 0, 0L, -0.0f, 0.0),
                decimals("0.00", "0.0000000000"),
                variable("", "", new byte[] {0, 0}, new byte[0]),
                times(LocalDate.EPOCH, LocalTime.MIDNIGHT),
                timestamps("1969-12-31T23:59:59.999999999"),
                new Object[] {
                    new GenericArrayData(new Object[0]),
                    new GenericArrayData(new float[0]),
                    map(),
                    map(),
                    map(),
                    map(),
                    GenericRowData.of(0, text("")),
                    new GenericArrayData(new Object[0]),
                    0L,
                    0,
                    variant("{}"),
                    GenericRowData.of(0, new GenericArrayData(new Object[0])),
                    raw(""),
                    null,
                    GenericRowData.of(map(), GenericRowData.of(new GenericArrayData(new Object[0])))
                });
    }

    private static GenericRowData row(Object[]... parts) {
        return GenericRowData.of(Arrays.stream(parts).flatMap(Arrays::stream).toArray());
    }

    private static Object[] scalars(Object... values) {
        return values;
    }

    private static Object[] decimals(String compact, String large) {
        return new Object[] {
            DecimalData.fromBigDecimal(new BigDecimal(compact), 9, 2),
            DecimalData.fromBigDecimal(new BigDecimal(large), 38, 10)
        };
    }

    private static Object[] variable(String fixed, String string, byte[] two, byte[] bytes) {
        return new Object[] {text(fixed), text(string), two, bytes};
    }

    private static Object[] times(LocalDate date, LocalTime time) {
        return new Object[] {(int) date.toEpochDay(), (int) (time.toNanoOfDay() / 1_000_000)};
    }

    /** The instant at precision 0, 3, 6 and 9, as TIMESTAMP and as TIMESTAMP_LTZ: later digits dropped. */
    private static Object[] timestamps(String iso) {
        LocalDateTime full = LocalDateTime.parse(iso);
        Object[] values = new Object[8];
        int step = 1_000_000_000;
        for (int i = 0; i < 4; i++) {
            values[i] = TimestampData.fromLocalDateTime(full.withNano(full.getNano() / step * step));
            values[i + 4] = values[i];
            step /= 1000;
        }
        return values;
    }

    private static StringData text(String value) {
        return StringData.fromString(value);
    }

    private static Variant variant(String json) {
        try {
            return BinaryVariantInternalBuilder.parseJson(json, false);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    private static RawValueData<String> raw(String value) {
        return RawValueData.fromObject(value);
    }

    private static GenericMapData map(Object... keysAndValues) {
        Map<Object, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            map.put(keysAndValues[i], keysAndValues[i + 1]);
        }
        return new GenericMapData(map);
    }
}
