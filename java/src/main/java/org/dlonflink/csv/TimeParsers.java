package org.dlonflink.csv;

import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import org.apache.flink.table.data.TimestampData;

/** ISO 8601 dates and times: yyyy-MM-dd, HH:mm[:ss[.f to nine digits]], and both with a space or T between them. */
final class TimeParsers {
    private static final int DATE_LENGTH = 10;
    private static final int NANOS_DIGITS = 9;
    private static final int NANOS_PER_MILLI = 1_000_000;

    private TimeParsers() {}

    static Integer date(byte[] bytes, int start, int end) throws FieldException {
        if (end - start != DATE_LENGTH) {
            throw new FieldException("yyyy-MM-dd");
        }
        return (int) localDate(bytes, start).toEpochDay();
    }

    /** Milliseconds of the day, which is all that Flink's TIME holds. */
    static Integer time(byte[] bytes, int start, int end, int precision) throws FieldException {
        LocalTime time = localTime(bytes, start, end, Math.min(3, precision));
        return (int) (time.toNanoOfDay() / NANOS_PER_MILLI);
    }

    static TimestampData timestamp(byte[] bytes, int start, int end, int precision) throws FieldException {
        return TimestampData.fromLocalDateTime(dateTime(bytes, start, end, precision, ""));
    }

    /** A point in time: the text must say that it is UTC. */
    static TimestampData instant(byte[] bytes, int start, int end, int precision) throws FieldException {
        if (start == end || bytes[end - 1] != 'Z') {
            throw new FieldException("yyyy-MM-dd HH:mm:ssZ, in UTC, with its Z");
        }
        return TimestampData.fromLocalDateTime(dateTime(bytes, start, end - 1, precision, "Z"));
    }

    private static LocalDateTime dateTime(byte[] bytes, int start, int end, int precision, String zone)
            throws FieldException {
        int separator = start + DATE_LENGTH;
        if (separator >= end || bytes[separator] != ' ' && bytes[separator] != 'T') {
            throw new FieldException("yyyy-MM-dd HH:mm[:ss[.f]]" + zone);
        }
        return LocalDateTime.of(localDate(bytes, start), localTime(bytes, separator + 1, end, precision));
    }

    private static LocalDate localDate(byte[] bytes, int start) throws FieldException {
        if (bytes[start + 4] != '-' || bytes[start + 7] != '-') {
            throw new FieldException("a date yyyy-MM-dd");
        }
        int year = 100 * two(bytes, start) + two(bytes, start + 2);
        if (year == 0) {
            throw new FieldException("a year from 0001 to 9999");
        }
        try {
            return LocalDate.of(year, two(bytes, start + 5), two(bytes, start + 8));
        } catch (DateTimeException e) {
            throw new FieldException("a day of the calendar");
        }
    }

    private static LocalTime localTime(byte[] bytes, int start, int end, int precision) throws FieldException {
        int length = end - start;
        boolean seconds = length >= 8;
        boolean fraction = length >= 10 && length <= 9 + NANOS_DIGITS;
        if (length != 5 && length != 8 && !fraction
                || bytes[start + 2] != ':'
                || seconds && bytes[start + 5] != ':'
                || fraction && bytes[start + 8] != '.') {
            throw new FieldException("a time HH:mm[:ss[.f]]");
        }
        int nanos = fraction ? nanos(bytes, start + 9, end, precision) : 0;
        try {
            return LocalTime.of(two(bytes, start), two(bytes, start + 3), seconds ? two(bytes, start + 6) : 0, nanos);
        } catch (DateTimeException e) {
            throw new FieldException("a time of day from 00:00:00 to 23:59:59");
        }
    }

    private static int nanos(byte[] bytes, int start, int end, int precision) throws FieldException {
        int nanos = 0;
        for (int i = 0; i < NANOS_DIGITS; i++) {
            int digit = start + i < end ? digit(bytes[start + i]) : 0;
            if (i >= precision && digit != 0) {
                throw new FieldException("at most " + precision + " digits of a second");
            }
            nanos = 10 * nanos + digit;
        }
        return nanos;
    }

    private static int two(byte[] bytes, int start) throws FieldException {
        return 10 * digit(bytes[start]) + digit(bytes[start + 1]);
    }

    private static int digit(byte b) throws FieldException {
        if (b < '0' || b > '9') {
            throw new FieldException("digits only between the separators");
        }
        return b - '0';
    }
}
