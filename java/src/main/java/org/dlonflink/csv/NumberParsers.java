package org.dlonflink.csv;

import java.math.BigDecimal;
import java.util.Locale;
import org.apache.flink.table.data.DecimalData;

/** Numbers: decimal digits with a point, never a grouping sign; nothing is rounded but to the nearest float. */
final class NumberParsers {
    private static final double[] POWERS = new double[23];

    /** Up to here a long is a double without a loss, and so is 10 to the power of 22: their quotient is rounded once. */
    private static final long EXACT = 1L << 53;

    static {
        double power = 1;
        for (int i = 0; i < POWERS.length; i++) {
            POWERS[i] = power;
            power *= 10;
        }
    }

    private NumberParsers() {}

    static long integer(byte[] bytes, int start, int end, long least, long most) throws FieldException {
        int p = start;
        boolean negative = p < end && bytes[p] == '-';
        if (p < end && (negative || bytes[p] == '+')) {
            p++;
        }
        if (p == end) {
            throw new FieldException("an integer");
        }
        // Negative, for the least long has no positive twin.
        long value = 0;
        for (; p < end; p++) {
            int digit = bytes[p] - '0';
            if (digit < 0 || digit > 9) {
                throw new FieldException("an integer");
            }
            if (value < (Long.MIN_VALUE + digit) / 10) {
                throw outside(least, most);
            }
            value = value * 10 - digit;
        }
        if (negative ? value < least : value < -most) {
            throw outside(least, most);
        }
        return negative ? value : -value;
    }

    private static FieldException outside(long least, long most) {
        return new FieldException("an integer from " + least + " to " + most);
    }

    static Double floating64(byte[] bytes, int start, int end) throws FieldException {
        Decimal decimal = Decimal.scan(bytes, start, end);
        if (decimal == null) {
            return special(bytes, start, end);
        }
        if (decimal.isExact()) {
            double value = decimal.digits;
            value = decimal.exponent < 0 ? value / POWERS[-decimal.exponent] : value * POWERS[decimal.exponent];
            return decimal.negative ? -value : value;
        }
        return Double.parseDouble(StringParser.ascii(bytes, start, end));
    }

    static Float floating32(byte[] bytes, int start, int end) throws FieldException {
        // Not through a double, which would round twice.
        return Decimal.scan(bytes, start, end) == null
                ? special(bytes, start, end).floatValue()
                : Float.parseFloat(StringParser.ascii(bytes, start, end));
    }

    private static Double special(byte[] bytes, int start, int end) throws FieldException {
        String text = StringParser.ascii(bytes, start, end).toLowerCase(Locale.ROOT);
        return switch (text) {
            case "nan", "+nan", "-nan" -> Double.NaN;
            case "inf", "+inf", "infinity", "+infinity" -> Double.POSITIVE_INFINITY;
            case "-inf", "-infinity" -> Double.NEGATIVE_INFINITY;
            default -> throw new FieldException("a number such as 1, -.5, 1e3, NaN or Infinity");
        };
    }

    static DecimalData decimal(byte[] bytes, int start, int end, int precision, int scale) throws FieldException {
        if (Decimal.scan(bytes, start, end) == null) {
            throw new FieldException("a decimal number");
        }
        BigDecimal value;
        try {
            value = new BigDecimal(StringParser.ascii(bytes, start, end));
        } catch (NumberFormatException e) {
            throw new FieldException("a decimal number with an exponent of at most 9 digits");
        }
        // A text such as 1e999999999 has few digits, but would be spelled out: refuse it by its size.
        boolean fits = value.signum() == 0 || (long) value.precision() - value.scale() <= precision - scale;
        DecimalData data = null;
        if (fits && value.stripTrailingZeros().scale() <= scale) {
            data = DecimalData.fromBigDecimal(value, precision, scale);
        }
        if (data == null) {
            throw new FieldException((precision - scale) + " digits before the point and " + scale + " after it");
        }
        return data;
    }

    /** The parts of a number; {@code digits} is not complete where there are more than 18. */
    private record Decimal(boolean negative, long digits, int count, int exponent) {
        private static final int MAX_DIGITS = 18;
        private static final int MAX_EXPONENT = 100_000;

        boolean isExact() {
            return count <= MAX_DIGITS && digits <= EXACT && Math.abs(exponent) < POWERS.length;
        }

        /** Null where the text is not sign, digits with or without a point, and perhaps e and an exponent. */
        static Decimal scan(byte[] bytes, int start, int end) {
            int p = start;
            boolean negative = p < end && bytes[p] == '-';
            if (p < end && (negative || bytes[p] == '+')) {
                p++;
            }
            long digits = 0;
            int count = 0;
            int seen = 0;
            int exponent = 0;
            boolean point = false;
            for (; p < end; p++) {
                int digit = bytes[p] - '0';
                if (digit >= 0 && digit <= 9) {
                    seen++;
                    count += count > 0 || digit > 0 ? 1 : 0;
                    digits = count <= MAX_DIGITS ? digits * 10 + digit : digits;
                    exponent -= point ? 1 : 0;
                } else if (bytes[p] == '.' && !point) {
                    point = true;
                } else {
                    break;
                }
            }
            if (seen == 0) {
                return null;
            }
            if (p < end) {
                int power = bytes[p] == 'e' || bytes[p] == 'E' ? power(bytes, p + 1, end) : Integer.MAX_VALUE;
                if (power == Integer.MAX_VALUE) {
                    return null;
                }
                exponent += power;
            }
            return new Decimal(negative, digits, count, exponent);
        }

        /** The exponent, bounded; MAX_VALUE if it is none. */
        private static int power(byte[] bytes, int start, int end) {
            int p = start;
            boolean negative = p < end && bytes[p] == '-';
            if (p < end && (negative || bytes[p] == '+')) {
                p++;
            }
            if (p == end) {
                return Integer.MAX_VALUE;
            }
            int power = 0;
            for (; p < end; p++) {
                int digit = bytes[p] - '0';
                if (digit < 0 || digit > 9) {
                    return Integer.MAX_VALUE;
                }
                power = Math.min(MAX_EXPONENT, power * 10 + digit);
            }
            return negative ? -power : power;
        }
    }
}
