package org.dlonflink.arrow;

import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.RowData;

/** DECIMAL as decimal128: the unscaled value in 16 bytes, two's complement, little endian. */
final class DecimalWriter extends FixedWidthWriter {
    static final int WIDTH = 16;

    private final int precision;
    private final int scale;

    DecimalWriter(ArrowField field, int precision, int scale) {
        super(field, WIDTH);
        this.precision = precision;
        this.scale = scale;
    }

    @Override
    long put(RowData from, int at) {
        DecimalData value = from.getDecimal(at, precision, scale);
        if (value.scale() != scale || value.precision() > precision) {
            throw refused(
                    "(" + value + ") has precision " + value.precision() + " and scale " + value.scale(),
                    "CAST it to DECIMAL(" + precision + ", " + scale + ")");
        }
        if (value.isCompact()) {
            long unscaled = value.toUnscaledLong();
            next().putLong(unscaled).putLong(unscaled >> (Long.SIZE - 1));
        } else {
            putBigEndian(value.toUnscaledBytes());
        }
        return WIDTH;
    }

    private void putBigEndian(byte[] unscaled) {
        AppendBuffer to = next();
        for (int i = unscaled.length - 1; i >= 0; i--) {
            to.putByte(unscaled[i]);
        }
        byte sign = (byte) (unscaled[0] >> (Byte.SIZE - 1));
        to.fill(sign, WIDTH - unscaled.length);
    }
}
