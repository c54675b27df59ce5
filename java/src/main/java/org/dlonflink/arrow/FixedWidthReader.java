package org.dlonflink.arrow;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import org.apache.flink.table.data.DecimalData;

/** Values of one width. */
final class FixedWidthReader extends ColumnReader {
    private static final int BUFFERS = 2;
    private static final int MILLIS_PER_DAY = 86_400_000;

    private final int width;
    private final Decode decode;
    private ByteBuffer values;

    /** The value at a byte position; an {@link ArithmeticException} says that the Flink type does not hold it. */
    interface Decode {
        Object at(ByteBuffer values, int position);
    }

    FixedWidthReader(ArrowField field, int width, Decode decode) {
        super(field);
        this.width = width;
        this.decode = decode;
    }

    /** Milliseconds of the day. */
    static Object time(ByteBuffer values, int position) {
        int millis = values.getInt(position);
        if (millis < 0 || millis >= MILLIS_PER_DAY) {
            throw new ArithmeticException(millis + " ms is no time of day");
        }
        return millis;
    }

    /** The months of an interval. */
    static Object months(ByteBuffer values, int position) {
        int days = values.getInt(position + Integer.BYTES);
        long nanos = values.getLong(position + 2 * Integer.BYTES);
        if (days != 0 || nanos != 0) {
            throw new ArithmeticException(days + " days and " + nanos + " ns in an interval of years and months");
        }
        return values.getInt(position);
    }

    static Object decimal(ByteBuffer values, int position, int precision, int scale) {
        byte[] bigEndian = new byte[DecimalWriter.WIDTH];
        for (int i = 0; i < DecimalWriter.WIDTH; i++) {
            bigEndian[i] = values.get(position + DecimalWriter.WIDTH - 1 - i);
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
        values = body.nextBuffer(path(), (long) slots * width);
    }

    @Override
    Object value(int slot) throws CorruptFrameException {
        try {
            return decode.at(values, slot * width);
        } catch (ArithmeticException outOfRange) {
            throw new CorruptFrameException(
                    "record batch: column " + path() + ": " + outOfRange.getMessage(), outOfRange);
        }
    }
}
