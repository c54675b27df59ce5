package org.dlonflink.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.Schema;
import org.apache.flink.annotation.Internal;
import org.apache.flink.table.types.logical.RowType;

/** Flink row types as Arrow schemas, by the table of {@link ArrowField}. */
@Internal
public final class ArrowSchema {
    private final FlatBufferBuilder builder = new FlatBufferBuilder();

    private ArrowSchema() {}

    /**
     * The encapsulated Arrow IPC schema message of rows of {@code type}; fields at the top are nullable whatever the
     * type says, deeper ones as it says.
     *
     * @throws IllegalArgumentException if a type does not cross, with column, type and what to do
     */
    public static byte[] message(RowType type) {
        return new ArrowSchema()
                .build(type.getFields().stream()
                        .map(field -> ArrowField.column(field, true))
                        .toList());
    }

    private byte[] build(List<ArrowField> columns) {
        int vector = Schema.createFieldsVector(builder, fields(columns));
        Schema.startSchema(builder);
        Schema.addEndianness(builder, Endianness.Little);
        Schema.addFields(builder, vector);
        ByteBuffer metadata = Encapsulation.finish(builder, MessageHeader.Schema, Schema.endSchema(builder), 0L);
        byte[] message = new byte[Encapsulation.prefixSize(metadata)];
        Encapsulation.putPrefix(metadata, ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN));
        return message;
    }

    private int[] fields(List<ArrowField> fields) {
        return fields.stream().mapToInt(this::field).toArray();
    }

    /** Writes a field, its children first, as flatbuffers want it. */
    private int field(ArrowField field) {
        int children = Field.createChildrenVector(builder, fields(field.children()));
        int name = builder.createString(field.name());
        int parameters = field.type().parameters().applyAsInt(builder);
        Field.startField(builder);
        Field.addName(builder, name);
        Field.addNullable(builder, field.nullable());
        Field.addTypeType(builder, field.type().code());
        Field.addType(builder, parameters);
        Field.addChildren(builder, children);
        return Field.endField(builder);
    }
}
