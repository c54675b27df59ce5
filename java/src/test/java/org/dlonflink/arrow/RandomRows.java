package org.dlonflink.arrow;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericMapData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.BinaryType;
import org.apache.flink.table.types.logical.BooleanType;
import org.apache.flink.table.types.logical.CharType;
import org.apache.flink.table.types.logical.DateType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.DoubleType;
import org.apache.flink.table.types.logical.FloatType;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.LocalZonedTimestampType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.SmallIntType;
import org.apache.flink.table.types.logical.TimeType;
import org.apache.flink.table.types.logical.TimestampType;
import org.apache.flink.table.types.logical.TinyIntType;
import org.apache.flink.table.types.logical.VarBinaryType;
import org.apache.flink.table.types.logical.VarCharType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/** Row types and rows made from a seed: every type that crosses, nested, nulls, extremes. */
final class RandomRows {
    private static final int SCALARS = 16;
    private static final int NESTED = 3;
    private static final String[] TEXTS = {"", "a", "Zürich", "東京", "😀😀", "x".repeat(300), "\0", "'\"\n"};

    private final Random random;
    private double nulls;

    RandomRows(long seed) {
        this.random = new Random(seed);
    }

    /** Any type; {@code depth} 0 has scalars alone. */
    RowType type(int depth) {
        return row(1 + random.nextInt(8), depth, true);
    }

    /** A type whose rows the decoder reads. */
    RowType scoredType() {
        RowType scalars = row(1 + random.nextInt(8), 0, true);
        List<RowType.RowField> fields = new ArrayList<>(scalars.getFields());
        fields.add(new RowType.RowField("scores", new ArrayType(new FloatType())));
        return new RowType(fields);
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
            types[i] = any(depth).copy(random.nextInt(4) > 0);
            names[i] = "f" + i;
        }
        return RowType.of(nullable, types, names);
    }

    private LogicalType any(int depth) {
        int choice = random.nextInt(depth > 0 ? SCALARS + 2 * NESTED : SCALARS);
        if (choice < SCALARS) {
            return scalar(choice);
        }
        return switch (choice % NESTED) {
            case 0 -> new ArrayType(any(depth - 1));
            case 1 -> new MapType(scalar(random.nextInt(SCALARS)).copy(false), any(depth - 1));
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
            default -> new LocalZonedTimestampType(random.nextInt(10));
        };
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
            case MAP -> map((MapType) type);
            case ROW -> row((RowType) type);
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

    private GenericMapData map(MapType type) {
        Map<Object, Object> values = new LinkedHashMap<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            values.put(value(type.getKeyType()), valueOrNull(type.getValueType()));
        }
        return new GenericMapData(values);
    }
}
