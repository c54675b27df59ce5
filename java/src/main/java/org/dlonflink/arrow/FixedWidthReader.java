package org.dlonflink.arrow;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.types.logical.DecimalType;

/** Values of one width. */
final class FixedWidthReader extends ColumnReader {
    private static final int BUFFERS = 2;
    private static final int DECIMAL_WIDTH = 16;
    private static final int MILLIS_PER_DAY = 86_400_000;

    private final int width;
    private final Decode decode;
    private ByteBuffer values;

    /** The value at a byte position; an {@link ArithmeticException} says that the Flink type does not hold it. */
    interface Decode {
        Object at(ByteBuffer values, int position);
    }

    FixedWidthReader(String name, boolean nullable, int width, Decode decode) {
        super(name, nullable);
        this.width = width;
        this.decode = decode;
    }

    static FixedWidthReader decimal(String name, DecimalType type) {
        int precision = type.getPrecision();
        int scale = type.getScale();
        return new FixedWidthReader(
                name, type.isNullable(), DECIMAL_WIDTH, (values, at) -> decimal(values, at, precision, scale));
    }

    /** Milliseconds of the day. */
    static Object time(ByteBuffer values, int position) {
        int millis = values.getInt(position);
        if (millis < 0 || millis >= MILLIS_PER_DAY) {
            throw new ArithmeticException(millis + " ms is no time of day");
        }
        return millis;
    }

    private static Object decimal(ByteBuffer values, int position, int precision, int scale) {
        byte[] bigEndian = new byte[DECIMAL_WIDTH];
        for (int i = 0; i < DECIMAL_WIDTH; i++) {
            bigEndian[i] = values.get(position + DECIMAL_WIDTH - 1 - i);
        }
        BigDecimal value = new BigDecimal(new BigInteger(bigEndian), scale);
        if (value.precision() > precision) {
            throw new ArithmeticException(value + " has more than " + precision + " digits");
        }
        return DecimalData.fromBigDecimal(value, precision, scale);
    }

    @Override
    int buffers() {
        return BUFFERS;
    }

    @Override
    void loadValues(BatchBody body, int slots) throws CorruptFrameException {
        values = body.nextBuffer(name(), (long) slots * width);
    }

    @Override
    Object value(int slot) throws CorruptFrameException {
        try {
            return decode.at(values, slot * width);
        } catch (ArithmeticException outOfRange) {
            throw new CorruptFrameException(
                    "record batch: column " + name() + ": " + outOfRange.getMessage(), outOfRange);
        }
    }
}
