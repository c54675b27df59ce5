package org.dlonflink.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.arrow.flatbuf.Date;
import org.apache.arrow.flatbuf.DateUnit;
import org.apache.arrow.flatbuf.Decimal;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Map;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Time;
import org.apache.arrow.flatbuf.TimeUnit;
import org.apache.arrow.flatbuf.Timestamp;
import org.apache.arrow.flatbuf.Type;
import org.apache.flink.annotation.Internal;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/** Flink row types as Arrow schemas, by the table of the contract (contract/README.md, section 3). */
@Internal
public final class ArrowSchema {
    private static final int DECIMAL_BITS = 128;
    private static final String ZONE = "UTC";

    private final FlatBufferBuilder builder = new FlatBufferBuilder();

    private ArrowSchema() {}

    /**
     * The encapsulated Arrow IPC schema message of rows of {@code type}; fields at the top are nullable whatever the
     * type says, deeper ones as it says.
     *
     * @throws IllegalArgumentException if a type does not cross, with column, type and what to do
     */
    public static byte[] message(RowType type) {
        return new ArrowSchema().build(type);
    }

    /** What is thrown where a column (or an element of it) has a type that does not cross. */
    static IllegalArgumentException unsupported(String column, LogicalType type) {
        return new IllegalArgumentException("column " + column + ": type " + type.asSummaryString()
                + " does not cross to the worker; CAST it to a supported type (STRING, for instance), or leave it out,"
                + " in source.query");
    }

    private byte[] build(RowType type) {
        int vector = Schema.createFieldsVector(builder, fields("", type, true));
        Schema.startSchema(builder);
        Schema.addEndianness(builder, Endianness.Little);
        Schema.addFields(builder, vector);
        ByteBuffer metadata = Encapsulation.finish(builder, MessageHeader.Schema, Schema.endSchema(builder), 0L);
        byte[] message = new byte[Encapsulation.prefixSize(metadata)];
        Encapsulation.putPrefix(metadata, ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN));
        return message;
    }

    private int[] fields(String prefix, RowType type, boolean top) {
        return type.getFields().stream()
                .mapToInt(f -> field(
                        prefix + f.getName(),
                        f.getName(),
                        f.getType(),
                        top || f.getType().isNullable()))
                .toArray();
    }

    /** Writes a field, its children first, as flatbuffers want it. {@code path} names it in an error. */
    private int field(String path, String name, LogicalType type, boolean nullable) {
        int[] children = children(path, type);
        return field(name, nullable, parameters(path, type), children);
    }

    private int field(String name, boolean nullable, Parameters type, int[] children) {
        int vector = Field.createChildrenVector(builder, children);
        int text = builder.createString(name);
        Field.startField(builder);
        Field.addName(builder, text);
        Field.addNullable(builder, nullable);
        Field.addTypeType(builder, type.code());
        Field.addType(builder, type.table());
        Field.addChildren(builder, vector);
        return Field.endField(builder);
    }

    private int[] children(String path, LogicalType type) {
        return switch (type.getTypeRoot()) {
            case ARRAY -> {
                LogicalType element = ((ArrayType) type).getElementType();
                yield new int[] {field(path + ".item", "item", element, element.isNullable())};
            }
            case MAP -> new int[] {entries(path, (MapType) type)};
            case ROW -> fields(path + ".", (RowType) type, false);
            default -> new int[0];
        };
    }

    /** A map is a list of structs of a key, never null, and a value. */
    private int entries(String path, MapType type) {
        LogicalType value = type.getValueType();
        int[] pair = {
            field(path + ".key", "key", type.getKeyType(), false),
            field(path + ".value", "value", value, value.isNullable())
        };
        return field("entries", false, plain(Type.Struct_), pair);
    }

    /** An Arrow type as flatbuffers hold it: the code of {@link Type} and the offset of the table with its parameters. */
    private record Parameters(byte code, int table) {}

    private Parameters parameters(String path, LogicalType type) {
        return switch (type.getTypeRoot()) {
            case BOOLEAN -> plain(Type.Bool);
            case TINYINT -> integer(Byte.SIZE);
            case SMALLINT -> integer(Short.SIZE);
            case INTEGER -> integer(Integer.SIZE);
            case BIGINT -> integer(Long.SIZE);
            case FLOAT -> floating(Precision.SINGLE);
            case DOUBLE -> floating(Precision.DOUBLE);
            case DECIMAL -> decimal((DecimalType) type);
            case CHAR, VARCHAR -> plain(Type.Utf8);
            case BINARY, VARBINARY -> plain(Type.Binary);
            case DATE -> new Parameters(Type.Date, Date.createDate(builder, DateUnit.DAY));
            case TIME_WITHOUT_TIME_ZONE ->
                new Parameters(Type.Time, Time.createTime(builder, TimeUnit.MILLISECOND, Integer.SIZE));
            case TIMESTAMP_WITHOUT_TIME_ZONE -> timestamp(type, 0);
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE -> timestamp(type, builder.createString(ZONE));
            case ARRAY -> plain(Type.List);
            case MAP -> new Parameters(Type.Map, Map.createMap(builder, false));
            case ROW -> plain(Type.Struct_);
            default -> throw unsupported(path, type);
        };
    }

    /** A type without parameters: its table is empty. */
    private Parameters plain(byte code) {
        builder.startTable(0);
        return new Parameters(code, builder.endTable());
    }

    private Parameters integer(int bits) {
        return new Parameters(Type.Int, Int.createInt(builder, bits, true));
    }

    private Parameters floating(short precision) {
        return new Parameters(Type.FloatingPoint, FloatingPoint.createFloatingPoint(builder, precision));
    }

    private Parameters decimal(DecimalType type) {
        int table = Decimal.createDecimal(builder, type.getPrecision(), type.getScale(), DECIMAL_BITS);
        return new Parameters(Type.Decimal, table);
    }

    private Parameters timestamp(LogicalType type, int zone) {
        short unit = TimestampUnit.ofPrecision(LogicalTypeChecks.getPrecision(type)).code;
        return new Parameters(Type.Timestamp, Timestamp.createTimestamp(builder, unit, zone));
    }
}
