package org.dlonflink.arrow;

import org.apache.arrow.flatbuf.TimeUnit;
import org.apache.flink.table.data.TimestampData;

/** The Arrow unit of a Flink timestamp: the coarsest one that holds all digits of its precision. */
enum TimestampUnit {
    SECOND(TimeUnit.SECOND, 1_000L),
    MILLISECOND(TimeUnit.MILLISECOND, 1L),
    MICROSECOND(TimeUnit.MICROSECOND, 1_000L),
    NANOSECOND(TimeUnit.NANOSECOND, 1_000_000L);

    private static final int NANOS_PER_MILLI = 1_000_000;

    /** The code of {@link TimeUnit}. */
    final short code;

    /** Milliseconds per unit for SECOND, else units per millisecond. */
    private final long ratio;

    TimestampUnit(short code, long ratio) {
        this.code = code;
        this.ratio = ratio;
    }

    static TimestampUnit ofPrecision(int precision) {
        if (precision == 0) {
            return SECOND;
        }
        return precision <= 3 ? MILLISECOND : precision <= 6 ? MICROSECOND : NANOSECOND;
    }

    /**
     * Units since the epoch; digits below the unit are dropped towards the past, as a CAST to that precision does.
     *
     * @throws ArithmeticException if 64 bits do not hold it (nanoseconds: years 1677 to 2262)
     */
    long fromFlink(TimestampData value) {
        long millis = value.getMillisecond();
        if (this == SECOND) {
            return Math.floorDiv(millis, ratio);
        }
        long below = value.getNanoOfMillisecond() * ratio / NANOS_PER_MILLI;
        if (millis < 0 && below > 0) { // the smallest values: their whole milliseconds, towards the past, do not fit
            return Math.addExact(Math.multiplyExact(millis + 1, ratio), below - ratio);
        }
        return Math.addExact(Math.multiplyExact(millis, ratio), below);
    }

    /**
     * The timestamp of so many units since the epoch.
     *
     * @throws ArithmeticException if 64 bits do not hold its milliseconds
     */
    TimestampData toFlink(long units) {
        if (this == SECOND) {
            return TimestampData.fromEpochMillis(Math.multiplyExact(units, ratio));
        }
        long below = Math.floorMod(units, ratio) * (NANOS_PER_MILLI / ratio);
        return TimestampData.fromEpochMillis(Math.floorDiv(units, ratio), (int) below);
    }
}
