package org.dlonflink.arrow;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.table.catalog.ObjectIdentifier;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericMapData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RawValueData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.BinaryType;
import org.apache.flink.table.types.logical.BooleanType;
import org.apache.flink.table.types.logical.CharType;
import org.apache.flink.table.types.logical.DateType;
import org.apache.flink.table.types.logical.DayTimeIntervalType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.DistinctType;
import org.apache.flink.table.types.logical.DoubleType;
import org.apache.flink.table.types.logical.FloatType;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.LocalZonedTimestampType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.MultisetType;
import org.apache.flink.table.types.logical.NullType;
import org.apache.flink.table.types.logical.RawType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.SmallIntType;
import org.apache.flink.table.types.logical.StructuredType;
import org.apache.flink.table.types.logical.TimeType;
import org.apache.flink.table.types.logical.TimestampType;
import org.apache.flink.table.types.logical.TinyIntType;
import org.apache.flink.table.types.logical.VarBinaryType;
import org.apache.flink.table.types.logical.VarCharType;
import org.apache.flink.table.types.logical.VariantType;
import org.apache.flink.table.types.logical.YearMonthIntervalType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;
import org.apache.flink.types.variant.BinaryVariantInternalBuilder;
import org.apache.flink.types.variant.Variant;

/** Row types and rows made from a seed: every type that crosses, nested, nulls, extremes. */
final class RandomRows {
    private static final int SCALARS = 20;
    private static final int NESTED = 5;
    private static final String[] TEXTS = {"", "a", "Zürich", "東京", "😀😀", "x".repeat(300), "\0", "'\"\n"};

    private static final String[] VARIANTS = {"null", "7", "[1.5, \"x\", {}]", "{\"a\": {\"b\": [true]}, \"c\": \"é\"}"
    };
    private static final LogicalType DAY_TIME =
            new DayTimeIntervalType(DayTimeIntervalType.DayTimeResolution.DAY_TO_SECOND);
    private static final LogicalType YEAR_MONTH =
            new YearMonthIntervalType(YearMonthIntervalType.YearMonthResolution.YEAR_TO_MONTH);
    private static final ObjectIdentifier NAME = ObjectIdentifier.of("c", "d", "t");

    private final Random random;
    private double nulls;

    RandomRows(long seed) {
        this.random = new Random(seed);
    }

    /** Any type; {@code depth} 0 has scalars alone. */
    RowType type(int depth) {
        return row(1 + random.nextInt(8), depth, true);
    }

    /** Flink has no serializer of NULL, and no writer of a DISTINCT type. */
    static boolean hasBinaryForm(LogicalType type) {
        return !type.isAnyOf(LogicalTypeRoot.NULL, LogicalTypeRoot.DISTINCT_TYPE)
                && type.getChildren().stream().allMatch(RandomRows::hasBinaryForm);
    }

    List<GenericRowData> rows(RowType type, int count) {
        nulls = random.nextInt(3) / 3.0;
        List<GenericRowData> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rows.add(row(type));
        }
        return rows;
    }

    private RowType row(int fields, int depth, boolean nullable) {
        LogicalType[] types = new LogicalType[fields];
        String[] names = new String[fields];
        for (int i = 0; i < fields; i++) {
            types[i] = any(depth);
            names[i] = "f" + i;
        }
        return RowType.of(nullable, types, names);
    }

    private LogicalType any(int depth) {
        LogicalType type = nullable(depth);
        return type.is(LogicalTypeRoot.NULL) ? type : type.copy(random.nextInt(4) > 0);
    }

    private LogicalType nullable(int depth) {
        int choice = random.nextInt(depth > 0 ? SCALARS + 2 * NESTED : SCALARS);
        if (choice < SCALARS) {
            return scalar(choice);
        }
        return switch (choice % NESTED) {
            case 0 -> new ArrayType(any(depth - 1));
            case 1 -> new MapType(any(0), any(depth - 1));
            case 2 -> new MultisetType(any(0));
            case 3 -> structured(any(depth - 1), any(0));
            default -> row(1 + random.nextInt(3), depth - 1, true);
        };
    }

    private LogicalType scalar(int choice) {
        int precision = 1 + random.nextInt(DecimalType.MAX_PRECISION);
        return switch (choice) {
            case 0 -> new BooleanType();
            case 1 -> new TinyIntType();
            case 2 -> new SmallIntType();
            case 3 -> new IntType();
            case 4 -> new BigIntType();
            case 5 -> new FloatType();
            case 6 -> new DoubleType();
            case 7 -> new DecimalType(precision, random.nextInt(precision + 1));
            case 8 -> new CharType(3);
            case 9, 10 -> VarCharType.STRING_TYPE;
            case 11 -> new BinaryType(4);
            case 12 -> new VarBinaryType(VarBinaryType.MAX_LENGTH);
            case 13 -> random.nextBoolean() ? new DateType() : new TimeType(3);
            case 14 -> new TimestampType(random.nextInt(10));
            case 15 -> random.nextBoolean() ? DAY_TIME : YEAR_MONTH;
            case 16 -> new VariantType();
            case 17 -> new RawType<>(String.class, StringSerializer.INSTANCE);
            case 18 -> DistinctType.newBuilder(NAME, new BigIntType()).build();
            case 19 -> new NullType();
            default -> new LocalZonedTimestampType(random.nextInt(10));
        };
    }

    private static StructuredType structured(LogicalType a, LogicalType b) {
        return StructuredType.newBuilder("no.such.Class")
                .attributes(List.of(
                        new StructuredType.StructuredAttribute("a", a), new StructuredType.StructuredAttribute("b", b)))
                .build();
    }

    private GenericRowData row(RowType type) {
        GenericRowData row = new GenericRowData(type.getFieldCount());
        for (int i = 0; i < type.getFieldCount(); i++) {
            row.setField(i, valueOrNull(type.getTypeAt(i)));
        }
        return row;
    }

    private Object valueOrNull(LogicalType type) {
        return type.isNullable() && random.nextDouble() < nulls ? null : value(type);
    }

    private Object value(LogicalType type) {
        return switch (type.getTypeRoot()) {
            case BOOLEAN -> random.nextBoolean();
            case TINYINT -> (byte) random.nextInt();
            case SMALLINT -> (short) random.nextInt();
            case INTEGER -> random.nextInt(20) == 0 ? Integer.MIN_VALUE : random.nextInt();
            case BIGINT -> random.nextInt(20) == 0 ? Long.MIN_VALUE : random.nextLong();
            case FLOAT -> random.nextInt(20) == 0 ? Float.NaN : random.nextFloat();
            case DOUBLE -> random.nextInt(20) == 0 ? -0.0 : random.nextGaussian();
            case DECIMAL -> decimal((DecimalType) type);
            case CHAR -> StringData.fromString("abc");
            case VARCHAR -> StringData.fromString(TEXTS[random.nextInt(TEXTS.length)]);
            case BINARY -> bytes(4);
            case VARBINARY -> bytes(random.nextInt(20));
            case DATE -> random.nextInt(40_000) - 20_000;
            case TIME_WITHOUT_TIME_ZONE -> random.nextInt(86_400_000);
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE ->
                timestamp(LogicalTypeChecks.getPrecision(type));
            case ARRAY -> array(((ArrayType) type).getElementType());
            case MAP -> map(((MapType) type).getKeyType(), ((MapType) type).getValueType());
            case MULTISET -> map(((MultisetType) type).getElementType(), new IntType(false));
            case ROW -> row((RowType) type);
            case STRUCTURED_TYPE -> row(RowType.of(type.getChildren().toArray(LogicalType[]::new)));
            case INTERVAL_DAY_TIME -> random.nextLong();
            case INTERVAL_YEAR_MONTH -> random.nextInt();
            case RAW -> raw(TEXTS[random.nextInt(TEXTS.length)]);
            case DISTINCT_TYPE -> value(((DistinctType) type).getSourceType());
            case VARIANT -> variant(VARIANTS[random.nextInt(VARIANTS.length)]);
            case NULL -> null;
            default -> throw new IllegalStateException(type.toString());
        };
    }

    private byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        return bytes;
    }

    private DecimalData decimal(DecimalType type) {
        BigInteger limit = BigInteger.TEN.pow(type.getPrecision());
        BigInteger unscaled =
                switch (random.nextInt(4)) {
                    case 0 -> limit.subtract(BigInteger.ONE);
                    case 1 -> limit.subtract(BigInteger.ONE).negate();
                    case 2 -> BigInteger.valueOf(random.nextInt(3) - 1);
                    default -> new BigInteger(130, random).mod(limit);
                };
        BigDecimal value = new BigDecimal(unscaled, type.getScale());
        return DecimalData.fromBigDecimal(value, type.getPrecision(), type.getScale());
    }

    /** Years 1700 to 2200, which nanoseconds hold, to the digit of the precision; many before the epoch. */
    private TimestampData timestamp(int precision) {
        long seconds = (long) (random.nextDouble() * 500 * 365 * 86_400) - 270L * 365 * 86_400;
        int step = BigInteger.TEN.pow(9 - precision).intValue();
        int nanos = random.nextInt(1_000_000_000) / step * step;
        return TimestampData.fromLocalDateTime(LocalDateTime.ofEpochSecond(seconds, nanos, ZoneOffset.UTC));
    }

    private GenericArrayData array(LogicalType element) {
        Object[] values = new Object[random.nextInt(4)];
        for (int i = 0; i < values.length; i++) {
            values[i] = valueOrNull(element);
        }
        return new GenericArrayData(values);
    }

    /** With its bytes at hand, so that it has a hash, as a key must. */
    private static RawValueData<String> raw(String text) {
        return RawValueData.fromBytes(RawValueData.fromObject(text).toBytes(StringSerializer.INSTANCE));
    }

    private static Variant variant(String json) {
        try {
            return BinaryVariantInternalBuilder.parseJson(json, false);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    private GenericMapData map(LogicalType key, LogicalType value) {
        Map<Object, Object> values = new LinkedHashMap<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            values.put(valueOrNull(key), valueOrNull(value));
        }
        return new GenericMapData(values);
    }
}
