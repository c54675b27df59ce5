package org.dlonflink.arrow;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.apache.flink.table.data.RawValueData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.DistinctType;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.MultisetType;
import org.apache.flink.table.types.logical.RawType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.VarBinaryType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;
import org.apache.flink.table.types.logical.utils.LogicalTypeUtils;

/**
 * A field of an Arrow schema that carries a Flink type. Schema, writers and readers are all made from it, so {@link
 * #shape} is the one table of types (contract/README.md, section 3).
 *
 * @param path names the column, or the part of it, in errors
 * @param held the class of Flink's internal values
 */
record ArrowField(String path, String name, boolean nullable, Class<?> held, Shape shape) {

    /** What a type is in Arrow, and who writes and reads it. */
    private record Shape(
            ArrowType type,
            List<ArrowField> children,
            Function<ArrowField, ColumnWriter> writing,
            Function<ArrowField, ColumnReader> reading) {}

    /**
     * A column.
     *
     * @throws IllegalArgumentException if its type, or one inside it, does not cross
     */
    static ArrowField column(RowType.RowField field, boolean nullable) {
        return of(field.getName(), field.getName(), field.getType(), nullable);
    }

    ArrowType type() {
        return shape.type;
    }

    List<ArrowField> children() {
        return shape.children;
    }

    ArrowField child(int index) {
        return shape.children.get(index);
    }

    ColumnWriter writer() {
        return shape.writing.apply(this);
    }

    ColumnReader reader() {
        return shape.reading.apply(this);
    }

    private static ArrowField of(String path, String name, LogicalType type, boolean nullable) {
        Shape shape = shape(path, type);
        return new ArrowField(path, name, nullable, LogicalTypeUtils.toInternalConversionClass(type), shape);
    }

    private static ArrowField part(String path, String name, LogicalType type) {
        return of(path + "." + name, name, type, type.isNullable());
    }

    private static Shape shape(String path, LogicalType type) {
        return switch (type.getTypeRoot()) {
            case NULL -> leaf(ArrowType.NULL, NullWriter::new, NullReader::new);
            case BOOLEAN -> leaf(ArrowType.BOOL, BooleanWriter::new, BooleanReader::new);
            case TINYINT -> integer(Byte.BYTES, FixedWidthWriter.Int8::new, ByteBuffer::get);
            case SMALLINT -> integer(Short.BYTES, FixedWidthWriter.Int16::new, ByteBuffer::getShort);
            case INTEGER -> integer(Integer.BYTES, FixedWidthWriter.Int32::new, ByteBuffer::getInt);
            case BIGINT -> integer(Long.BYTES, FixedWidthWriter.Int64::new, ByteBuffer::getLong);
            case FLOAT -> fixed(ArrowType.FLOAT, Float.BYTES, FixedWidthWriter.Float32::new, ByteBuffer::getFloat);
            case DOUBLE -> fixed(ArrowType.DOUBLE, Double.BYTES, FixedWidthWriter.Float64::new, ByteBuffer::getDouble);
            case DECIMAL -> decimal((DecimalType) type);
            case CHAR, VARCHAR -> bytes(ArrowType.UTF8, VarWidthWriter.Text::new, StringData::fromBytes);
            case BINARY, VARBINARY -> bytes(ArrowType.BINARY, VarWidthWriter.Bytes::new, bytes -> bytes);
            case RAW -> raw(path, type);
            case DATE -> fixed(ArrowType.DATE, Integer.BYTES, FixedWidthWriter.Int32::new, ByteBuffer::getInt);
            case TIME_WITHOUT_TIME_ZONE ->
                fixed(ArrowType.TIME, Integer.BYTES, FixedWidthWriter.Int32::new, FixedWidthReader::time);
            case TIMESTAMP_WITHOUT_TIME_ZONE -> timestamp(LogicalTypeChecks.getPrecision(type), false);
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE -> timestamp(LogicalTypeChecks.getPrecision(type), true);
            case INTERVAL_DAY_TIME ->
                fixed(ArrowType.DURATION, Long.BYTES, FixedWidthWriter.Int64::new, ByteBuffer::getLong);
            case INTERVAL_YEAR_MONTH ->
                fixed(
                        ArrowType.MONTH_DAY_NANO,
                        FixedWidthWriter.Months.WIDTH,
                        FixedWidthWriter.Months::new,
                        FixedWidthReader::months);
            case ARRAY -> list(part(path, "item", ((ArrayType) type).getElementType()));
            case MAP -> map(path, ((MapType) type).getKeyType(), ((MapType) type).getValueType());
            case MULTISET -> map(path, ((MultisetType) type).getElementType(), new IntType(false));
            case ROW, STRUCTURED_TYPE -> struct(path, type);
            case VARIANT -> variant(path);
            case DISTINCT_TYPE -> shape(path, ((DistinctType) type).getSourceType());
            default -> throw refused(path, type);
        };
    }

    private static Shape leaf(
            ArrowType type, Function<ArrowField, ColumnWriter> writing, Function<ArrowField, ColumnReader> reading) {
        return new Shape(type, List.of(), writing, reading);
    }

    private static Shape fixed(
            ArrowType type, int width, Function<ArrowField, ColumnWriter> writing, FixedWidthReader.Decode decode) {
        return leaf(type, writing, field -> new FixedWidthReader(field, width, decode));
    }

    private static Shape integer(
            int width, Function<ArrowField, ColumnWriter> writing, FixedWidthReader.Decode decode) {
        return fixed(ArrowType.integer(width), width, writing, decode);
    }

    private static Shape bytes(
            ArrowType type, Function<ArrowField, ColumnWriter> writing, Function<byte[], Object> decode) {
        return leaf(type, writing, field -> new VarWidthReader(field, decode));
    }

    private static Shape decimal(DecimalType type) {
        int precision = type.getPrecision();
        int scale = type.getScale();
        return fixed(
                ArrowType.decimal(precision, scale),
                DecimalWriter.WIDTH,
                field -> new DecimalWriter(field, precision, scale),
                (values, at) -> FixedWidthReader.decimal(values, at, precision, scale));
    }

    private static Shape timestamp(int precision, boolean zoned) {
        TimestampUnit unit = TimestampUnit.ofPrecision(precision);
        return fixed(
                ArrowType.timestamp(unit, zoned),
                Long.BYTES,
                field -> new TimestampWriter(field, precision),
                (values, at) -> unit.toFlink(values.getLong(at)));
    }

    /** The bytes of the type's own serializer, which is not thread safe. */
    private static Shape raw(String path, LogicalType type) {
        if (!(type instanceof RawType<?> raw)) {
            throw refused(path, type);
        }
        return bytes(
                ArrowType.BINARY,
                field -> new VarWidthWriter.Raw<>(field, raw.getTypeSerializer().duplicate()),
                RawValueData::fromBytes);
    }

    private static Shape list(ArrowField item) {
        return new Shape(ArrowType.LIST, List.of(item), ListWriter::new, ListReader::new);
    }

    /** Arrow's map, or, where a key may be NULL, which its maps do not allow, the same as a list: equal bytes. */
    private static Shape map(String path, LogicalType key, LogicalType value) {
        List<ArrowField> pair = List.of(part(path, "key", key), part(path, "value", value));
        ArrowField entries = new ArrowField(path, "entries", false, RowData.class, struct(pair));
        ArrowType type = key.isNullable() ? ArrowType.LIST : ArrowType.MAP;
        return new Shape(type, List.of(entries), MapWriter::new, MapReader::new);
    }

    private static Shape struct(String path, LogicalType type) {
        List<String> names = LogicalTypeChecks.getFieldNames(type);
        List<LogicalType> types = LogicalTypeChecks.getFieldTypes(type);
        return struct(IntStream.range(0, names.size())
                .mapToObj(i -> part(path, names.get(i), types.get(i)))
                .toList());
    }

    private static Shape struct(List<ArrowField> fields) {
        return new Shape(ArrowType.STRUCT, fields, StructWriter::ofRows, StructReader::ofRows);
    }

    private static Shape variant(String path) {
        LogicalType bytes = new VarBinaryType(false, VarBinaryType.MAX_LENGTH);
        List<ArrowField> parts = List.of(part(path, "metadata", bytes), part(path, "value", bytes));
        return new Shape(ArrowType.STRUCT, parts, StructWriter::ofVariants, StructReader::ofVariants);
    }

    private static IllegalArgumentException refused(String path, LogicalType type) {
        return new IllegalArgumentException("column " + path + ": type " + type.asSummaryString()
                + " does not cross between Flink and the worker; CAST it to a supported type (STRING, for instance),"
                + " or leave it out, in source.query");
    }
}
