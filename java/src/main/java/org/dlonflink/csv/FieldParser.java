package org.dlonflink.csv;

import java.util.Base64;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LocalZonedTimestampType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.TimeType;
import org.apache.flink.table.types.logical.TimestampType;

/** Turns the bytes of one field, from {@code start} to {@code end}, into Flink's internal form of a value. */
interface FieldParser {
    Object parse(byte[] bytes, int start, int end) throws FieldException;

    /** @throws IllegalArgumentException if the type is not read from text */
    static FieldParser of(String column, LogicalType type) {
        return switch (type.getTypeRoot()) {
            case BOOLEAN -> trimmed(FieldParser::bool);
            case TINYINT -> trimmed((b, s, e) -> (byte) NumberParsers.integer(b, s, e, Byte.MIN_VALUE, Byte.MAX_VALUE));
            case SMALLINT ->
                trimmed((b, s, e) -> (short) NumberParsers.integer(b, s, e, Short.MIN_VALUE, Short.MAX_VALUE));
            case INTEGER ->
                trimmed((b, s, e) -> (int) NumberParsers.integer(b, s, e, Integer.MIN_VALUE, Integer.MAX_VALUE));
            case BIGINT -> trimmed((b, s, e) -> NumberParsers.integer(b, s, e, Long.MIN_VALUE, Long.MAX_VALUE));
            case FLOAT -> trimmed(NumberParsers::floating32);
            case DOUBLE -> trimmed(NumberParsers::floating64);
            case DECIMAL -> {
                DecimalType decimal = (DecimalType) type;
                yield trimmed((b, s, e) -> NumberParsers.decimal(b, s, e, decimal.getPrecision(), decimal.getScale()));
            }
            case CHAR, VARCHAR -> new StringParser();
            case BINARY, VARBINARY -> FieldParser::base64;
            case DATE -> trimmed(TimeParsers::date);
            case TIME_WITHOUT_TIME_ZONE -> {
                int precision = ((TimeType) type).getPrecision();
                yield trimmed((b, s, e) -> TimeParsers.time(b, s, e, precision));
            }
            case TIMESTAMP_WITHOUT_TIME_ZONE -> {
                int precision = ((TimestampType) type).getPrecision();
                yield trimmed((b, s, e) -> TimeParsers.timestamp(b, s, e, precision));
            }
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE -> {
                int precision = ((LocalZonedTimestampType) type).getPrecision();
                yield trimmed((b, s, e) -> TimeParsers.instant(b, s, e, precision));
            }
            default ->
                throw new IllegalArgumentException("column '" + column + "' is " + type.asSummaryString()
                        + ", which csv files do not hold: declare it as STRING and take it apart in the query");
        };
    }

    /** Spaces and tabs around a value that is not text do not count. */
    private static FieldParser trimmed(FieldParser parser) {
        return (bytes, start, end) -> {
            int s = start;
            int e = end;
            while (s < e && (bytes[s] == ' ' || bytes[s] == '\t')) {
                s++;
            }
            while (s < e && (bytes[e - 1] == ' ' || bytes[e - 1] == '\t')) {
                e--;
            }
            return parser.parse(bytes, s, e);
        };
    }

    private static Boolean bool(byte[] bytes, int start, int end) throws FieldException {
        String text = StringParser.ascii(bytes, start, end);
        if (text.equalsIgnoreCase("true") || text.equals("1")) {
            return true;
        }
        if (text.equalsIgnoreCase("false") || text.equals("0")) {
            return false;
        }
        throw new FieldException("true, false, 1 or 0");
    }

    private static byte[] base64(byte[] bytes, int start, int end) throws FieldException {
        try {
            return Base64.getDecoder().decode(StringParser.ascii(bytes, start, end));
        } catch (IllegalArgumentException e) {
            throw new FieldException("base64");
        }
    }
}
