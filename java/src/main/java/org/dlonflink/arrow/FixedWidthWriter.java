package org.dlonflink.arrow;

import org.apache.flink.table.data.RowData;

/** Values of one width, side by side. */
abstract class FixedWidthWriter extends ColumnWriter {
    private final int width;
    private final AppendBuffer values = new AppendBuffer();

    FixedWidthWriter(ArrowField field, int width) {
        super(field);
        this.width = width;
    }

    /** Where the next value goes: there is room for one. */
    final AppendBuffer next() {
        return values.room(width);
    }

    @Override
    final long putBlank() {
        next().fill((byte) 0, width);
        return width;
    }

    @Override
    final void emitValues(BatchMessage message) {
        message.buffer(values);
    }

    @Override
    final void clearValues() {
        values.clear();
    }

    /** TINYINT. */
    static final class Int8 extends FixedWidthWriter {
        Int8(ArrowField field) {
            super(field, Byte.BYTES);
        }

        @Override
        long put(RowData from, int at) {
            next().putByte(from.getByte(at));
            return Byte.BYTES;
        }
    }

    /** SMALLINT. */
    static final class Int16 extends FixedWidthWriter {
        Int16(ArrowField field) {
            super(field, Short.BYTES);
        }

        @Override
        long put(RowData from, int at) {
            next().putShort(from.getShort(at));
            return Short.BYTES;
        }
    }

    /** INT; DATE, which Flink holds as days since the epoch; TIME, as milliseconds of the day. */
    static final class Int32 extends FixedWidthWriter {
        Int32(ArrowField field) {
            super(field, Integer.BYTES);
        }

        @Override
        long put(RowData from, int at) {
            next().putInt(from.getInt(at));
            return Integer.BYTES;
        }
    }

    /** BIGINT; INTERVAL DAY TO SECOND, which Flink holds as milliseconds. */
    static final class Int64 extends FixedWidthWriter {
        Int64(ArrowField field) {
            super(field, Long.BYTES);
        }

        @Override
        long put(RowData from, int at) {
            next().putLong(from.getLong(at));
            return Long.BYTES;
        }
    }

    /** INTERVAL YEAR TO MONTH, which Flink holds as months: Arrow's interval has days and nanoseconds, too. */
    static final class Months extends FixedWidthWriter {
        static final int WIDTH = 2 * Integer.BYTES + Long.BYTES;

        Months(ArrowField field) {
            super(field, WIDTH);
        }

        @Override
        long put(RowData from, int at) {
            next().putInt(from.getInt(at)).putInt(0).putLong(0L);
            return WIDTH;
        }
    }

    /** FLOAT. */
    static final class Float32 extends FixedWidthWriter {
        Float32(ArrowField field) {
            super(field, Float.BYTES);
        }

        @Override
        long put(RowData from, int at) {
            next().putInt(Float.floatToRawIntBits(from.getFloat(at)));
            return Float.BYTES;
        }
    }

    /** DOUBLE. */
    static final class Float64 extends FixedWidthWriter {
        Float64(ArrowField field) {
            super(field, Double.BYTES);
        }

        @Override
        long put(RowData from, int at) {
            next().putLong(Double.doubleToRawLongBits(from.getDouble(at)));
            return Double.BYTES;
        }
    }
}
