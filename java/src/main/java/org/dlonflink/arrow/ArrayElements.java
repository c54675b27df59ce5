package org.dlonflink.arrow;

import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RawValueData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.types.RowKind;
import org.apache.flink.types.variant.Variant;

/**
 * An array seen as a row whose fields are its elements. Flink's rows and arrays have the same getters and no common
 * type; with this view one set of writers serves both, and the rows themselves need no wrapper.
 */
final class ArrayElements implements RowData {
    private ArrayData array;

    void set(ArrayData elements) {
        this.array = elements;
    }

    @Override
    public int getArity() {
        return array.size();
    }

    @Override
    public RowKind getRowKind() {
        return RowKind.INSERT;
    }

    @Override
    public void setRowKind(RowKind kind) {
        throw new UnsupportedOperationException("elements of an array have no row kind");
    }

    @Override
    public boolean isNullAt(int at) {
        return array.isNullAt(at);
    }

    @Override
    public boolean getBoolean(int at) {
        return array.getBoolean(at);
    }

    @Override
    public byte getByte(int at) {
        return array.getByte(at);
    }

    @Override
    public short getShort(int at) {
        return array.getShort(at);
    }

    @Override
    public int getInt(int at) {
        return array.getInt(at);
    }

    @Override
    public long getLong(int at) {
        return array.getLong(at);
    }

    @Override
    public float getFloat(int at) {
        return array.getFloat(at);
    }

    @Override
    public double getDouble(int at) {
        return array.getDouble(at);
    }

    @Override
    public StringData getString(int at) {
        return array.getString(at);
    }

    @Override
    public DecimalData getDecimal(int at, int precision, int scale) {
        return array.getDecimal(at, precision, scale);
    }

    @Override
    public TimestampData getTimestamp(int at, int precision) {
        return array.getTimestamp(at, precision);
    }

    @Override
    public <T> RawValueData<T> getRawValue(int at) {
        return array.getRawValue(at);
    }

    @Override
    public byte[] getBinary(int at) {
        return array.getBinary(at);
    }

    @Override
    public ArrayData getArray(int at) {
        return array.getArray(at);
    }

    @Override
    public MapData getMap(int at) {
        return array.getMap(at);
    }

    @Override
    public RowData getRow(int at, int fields) {
        return array.getRow(at, fields);
    }

    @Override
    public Variant getVariant(int at) {
        return array.getVariant(at);
    }
}
