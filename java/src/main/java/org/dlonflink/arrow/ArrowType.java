package org.dlonflink.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import java.util.function.ToIntFunction;
import org.apache.arrow.flatbuf.Date;
import org.apache.arrow.flatbuf.DateUnit;
import org.apache.arrow.flatbuf.Decimal;
import org.apache.arrow.flatbuf.Duration;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Interval;
import org.apache.arrow.flatbuf.IntervalUnit;
import org.apache.arrow.flatbuf.Map;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Time;
import org.apache.arrow.flatbuf.TimeUnit;
import org.apache.arrow.flatbuf.Timestamp;
import org.apache.arrow.flatbuf.Type;

/** A type of Arrow as flatbuffers hold it: the code of {@link Type}, and what writes the table with its parameters. */
record ArrowType(byte code, ToIntFunction<FlatBufferBuilder> parameters) {
    static final ArrowType NULL = plain(Type.Null);
    static final ArrowType BOOL = plain(Type.Bool);
    static final ArrowType FLOAT = floating(Precision.SINGLE);
    static final ArrowType DOUBLE = floating(Precision.DOUBLE);
    static final ArrowType UTF8 = plain(Type.Utf8);
    static final ArrowType BINARY = plain(Type.Binary);
    static final ArrowType DATE = new ArrowType(Type.Date, to -> Date.createDate(to, DateUnit.DAY));
    static final ArrowType TIME =
            new ArrowType(Type.Time, to -> Time.createTime(to, TimeUnit.MILLISECOND, Integer.SIZE));
    static final ArrowType DURATION =
            new ArrowType(Type.Duration, to -> Duration.createDuration(to, TimeUnit.MILLISECOND));
    /** Arrow has intervals of months alone, too, which pyarrow has not. */
    static final ArrowType MONTH_DAY_NANO =
            new ArrowType(Type.Interval, to -> Interval.createInterval(to, IntervalUnit.MONTH_DAY_NANO));

    static final ArrowType LIST = plain(Type.List);
    static final ArrowType MAP = new ArrowType(Type.Map, to -> Map.createMap(to, false));
    static final ArrowType STRUCT = plain(Type.Struct_);

    private static final int DECIMAL_BITS = 128;
    private static final String ZONE = "UTC";

    static ArrowType integer(int bytes) {
        return new ArrowType(Type.Int, to -> Int.createInt(to, bytes * Byte.SIZE, true));
    }

    static ArrowType decimal(int precision, int scale) {
        return new ArrowType(Type.Decimal, to -> Decimal.createDecimal(to, precision, scale, DECIMAL_BITS));
    }

    static ArrowType timestamp(TimestampUnit unit, boolean zoned) {
        return new ArrowType(
                Type.Timestamp, to -> Timestamp.createTimestamp(to, unit.code, zoned ? to.createString(ZONE) : 0));
    }

    /** A type without parameters: its table is empty. */
    private static ArrowType plain(byte code) {
        return new ArrowType(code, to -> {
            to.startTable(0);
            return to.endTable();
        });
    }

    private static ArrowType floating(short precision) {
        return new ArrowType(Type.FloatingPoint, to -> FloatingPoint.createFloatingPoint(to, precision));
    }
}
