package org.dlonflink.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import java.util.List;
import org.apache.arrow.flatbuf.Binary;
import org.apache.arrow.flatbuf.Bool;
import org.apache.arrow.flatbuf.Date;
import org.apache.arrow.flatbuf.DateUnit;
import org.apache.arrow.flatbuf.Decimal;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Struct_;
import org.apache.arrow.flatbuf.Time;
import org.apache.arrow.flatbuf.TimeUnit;
import org.apache.arrow.flatbuf.Timestamp;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Utf8;
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
        int[] fields = type.getFields().stream()
                .mapToInt(f -> field(f.getName(), f.getName(), f.getType(), true))
                .toArray();
        int vector = Schema.createFieldsVector(builder, fields);
        Schema.startSchema(builder);
        Schema.addEndianness(builder, Endianness.Little);
        Schema.addFields(builder, vector);
        return Encapsulated.message(builder, MessageHeader.Schema, Schema.endSchema(builder), 0L);
    }

    /** Writes a field, its children first, as flatbuffers want it. {@code path} names it in an error. */
    private int field(String path, String name, LogicalType type, boolean nullable) {
        int children = Field.createChildrenVector(builder, children(path, type));
        int text = builder.createString(name);
        byte kind = kind(path, type);
        int details = details(kind, type);
        Field.startField(builder);
        Field.addName(builder, text);
        Field.addNullable(builder, nullable);
        Field.addTypeType(builder, kind);
        Field.addType(builder, details);
        Field.addChildren(builder, children);
        return Field.endField(builder);
    }

    private int[] children(String path, LogicalType type) {
        switch (type.getTypeRoot()) {
            case ARRAY:
                LogicalType element = ((ArrayType) type).getElementType();
                return new int[] {field(path + ".item", "item", element, element.isNullable())};
            case MAP:
                return new int[] {entries(path, (MapType) type)};
            case ROW:
                List<RowType.RowField> fields = ((RowType) type).getFields();
                return fields.stream()
                        .mapToInt(f -> field(
                                path + "." + f.getName(),
                                f.getName(),
                                f.getType(),
                                f.getType().isNullable()))
                        .toArray();
            default:
                return new int[0];
        }
    }

    /** A map is a list of structs of a key, never null, and a value. */
    private int entries(String path, MapType type) {
        LogicalType value = type.getValueType();
        int[] pair = {
            field(path + ".key", "key", type.getKeyType(), false),
            field(path + ".value", "value", value, value.isNullable())
        };
        int children = Field.createChildrenVector(builder, pair);
        int name = builder.createString("entries");
        Struct_.startStruct_(builder);
        int details = Struct_.endStruct_(builder);
        Field.startField(builder);
        Field.addName(builder, name);
        Field.addNullable(builder, false);
        Field.addTypeType(builder, Type.Struct_);
        Field.addType(builder, details);
        Field.addChildren(builder, children);
        return Field.endField(builder);
    }

    private static byte kind(String path, LogicalType type) {
        switch (type.getTypeRoot()) {
            case BOOLEAN:
                return Type.Bool;
            case TINYINT:
            case SMALLINT:
            case INTEGER:
            case BIGINT:
                return Type.Int;
            case FLOAT:
            case DOUBLE:
                return Type.FloatingPoint;
            case DECIMAL:
                return Type.Decimal;
            case CHAR:
            case VARCHAR:
                return Type.Utf8;
            case BINARY:
            case VARBINARY:
                return Type.Binary;
            case DATE:
                return Type.Date;
            case TIME_WITHOUT_TIME_ZONE:
                return Type.Time;
            case TIMESTAMP_WITHOUT_TIME_ZONE:
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
                return Type.Timestamp;
            case ARRAY:
                return Type.List;
            case MAP:
                return Type.Map;
            case ROW:
                return Type.Struct_;
            default:
                throw unsupported(path, type);
        }
    }

    /** The table that holds the parameters of a type of this kind. */
    private int details(byte kind, LogicalType type) {
        switch (kind) {
            case Type.Int:
                return Int.createInt(builder, intBits(type), true);
            case Type.FloatingPoint:
                boolean single = type.getDefaultConversion() == Float.class;
                return FloatingPoint.createFloatingPoint(builder, single ? Precision.SINGLE : Precision.DOUBLE);
            case Type.Decimal:
                DecimalType decimal = (DecimalType) type;
                return Decimal.createDecimal(builder, decimal.getPrecision(), decimal.getScale(), DECIMAL_BITS);
            case Type.Date:
                return Date.createDate(builder, DateUnit.DAY);
            case Type.Time:
                return Time.createTime(builder, TimeUnit.MILLISECOND, Integer.SIZE);
            case Type.Timestamp:
                return timestamp(type);
            case Type.Map:
                return org.apache.arrow.flatbuf.Map.createMap(builder, false);
            default:
                return withoutParameters(kind);
        }
    }

    private static int intBits(LogicalType type) {
        switch (type.getTypeRoot()) {
            case TINYINT:
                return Byte.SIZE;
            case SMALLINT:
                return Short.SIZE;
            case INTEGER:
                return Integer.SIZE;
            default:
                return Long.SIZE;
        }
    }

    private int timestamp(LogicalType type) {
        boolean local = type.is(org.apache.flink.table.types.logical.LogicalTypeRoot.TIMESTAMP_WITH_LOCAL_TIME_ZONE);
        int zone = local ? builder.createString(ZONE) : 0;
        short unit = TimestampUnit.ofPrecision(LogicalTypeChecks.getPrecision(type)).code;
        return Timestamp.createTimestamp(builder, unit, zone);
    }

    private int withoutParameters(byte kind) {
        switch (kind) {
            case Type.Bool:
                Bool.startBool(builder);
                return Bool.endBool(builder);
            case Type.Utf8:
                Utf8.startUtf8(builder);
                return Utf8.endUtf8(builder);
            case Type.Binary:
                Binary.startBinary(builder);
                return Binary.endBinary(builder);
            case Type.List:
                org.apache.arrow.flatbuf.List.startList(builder);
                return org.apache.arrow.flatbuf.List.endList(builder);
            default:
                Struct_.startStruct_(builder);
                return Struct_.endStruct_(builder);
        }
    }
}
