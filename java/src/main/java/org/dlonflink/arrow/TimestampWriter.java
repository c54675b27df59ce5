package org.dlonflink.arrow;

import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;

/** TIMESTAMP and TIMESTAMP_LTZ, in the unit of their precision. */
final class TimestampWriter extends FixedWidthWriter {
    private final int precision;
    private final TimestampUnit unit;

    TimestampWriter(ArrowField field, int precision) {
        super(field, Long.BYTES);
        this.precision = precision;
        this.unit = TimestampUnit.ofPrecision(precision);
    }

    @Override
    long put(RowData from, int at) {
        TimestampData value = from.getTimestamp(at, precision);
        long units;
        try {
            units = unit.fromFlink(value);
        } catch (ArithmeticException overflow) {
            throw refused(
                    "(" + value + ") does not fit 64 bits in unit " + unit + " of precision " + precision,
                    "CAST it to precision 6");
        }
        next().putLong(units);
        return Long.BYTES;
    }
}
