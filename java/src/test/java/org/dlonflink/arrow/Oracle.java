package org.dlonflink.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Period;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.DateDayVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.PeriodDuration;
import org.apache.arrow.vector.TimeMilliVector;
import org.apache.arrow.vector.TimeStampVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.MapVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.Schema;

/** Arrow's own Java library, which the codec is held against. */
final class Oracle {
    private Oracle() {}

    static byte[] stream(byte[] schema, List<byte[]> batches) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(schema);
        batches.forEach(out::writeBytes);
        out.writeBytes(new byte[] {-1, -1, -1, -1, 0, 0, 0, 0});
        return out.toByteArray();
    }

    static Schema schema(byte[] message) {
        return open(stream(message, List.of()), (reader, root) -> root.getSchema());
    }

    /** All rows of a stream, as {@link Plain} gives them. */
    static List<List<Object>> rows(byte[] stream) {
        return open(stream, (reader, root) -> {
            List<List<Object>> rows = new ArrayList<>();
            while (reader.loadNextBatch()) {
                for (int i = 0; i < root.getRowCount(); i++) {
                    rows.add(row(root.getFieldVectors(), i));
                }
            }
            return rows;
        });
    }

    /** The batches of a stream, each written again by Arrow's own serializer: other padding, bitmaps everywhere. */
    static List<byte[]> rewritten(byte[] stream) {
        return open(stream, (reader, root) -> {
            List<byte[]> batches = new ArrayList<>();
            while (reader.loadNextBatch()) {
                ByteArrayOutputStream out = new ByteArrayOutputStream();
                try (ArrowRecordBatch batch = new VectorUnloader(root).getRecordBatch()) {
                    MessageSerializer.serialize(new WriteChannel(Channels.newChannel(out)), batch);
                }
                batches.add(out.toByteArray());
            }
            return batches;
        });
    }

    static byte[] bytes(ByteBuffer flipped) {
        byte[] copy = new byte[flipped.remaining()];
        flipped.duplicate().get(copy);
        return copy;
    }

    private interface Use<T> {
        T apply(ArrowStreamReader reader, VectorSchemaRoot root) throws IOException;
    }

    private static <T> T open(byte[] stream, Use<T> use) {
        try (RootAllocator allocator = new RootAllocator();
                ArrowStreamReader reader = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator)) {
            return use.apply(reader, reader.getVectorSchemaRoot());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Object> row(List<FieldVector> columns, int index) {
        List<Object> row = new ArrayList<>();
        columns.forEach(column -> row.add(value(column, index)));
        return row;
    }

    private static Object value(FieldVector vector, int index) {
        if (vector.isNull(index)) {
            return null;
        }
        if (vector instanceof MapVector map) {
            return entries(map, index);
        } else if (vector instanceof ListVector list) {
            return elements(list, index);
        } else if (vector instanceof StructVector struct) {
            return row(struct.getChildrenFromFields(), index);
        } else if (vector instanceof VarCharVector text) {
            return new String(text.get(index), StandardCharsets.UTF_8);
        } else if (vector instanceof VarBinaryVector binary) {
            return HexFormat.of().formatHex(binary.get(index));
        } else if (vector instanceof TimeStampVector timestamp) {
            return timestamp.get(index);
        } else if (vector instanceof DateDayVector date) {
            return date.get(index);
        } else if (vector instanceof TimeMilliVector time) {
            return time.get(index);
        }
        return interval(vector.getObject(index));
    }

    /** An interval of months as those, one of time as milliseconds; anything else as it is. */
    private static Object interval(Object value) {
        if (value instanceof Duration time) {
            return time.toMillis();
        }
        if (value instanceof PeriodDuration months) {
            assertThat(months)
                    .isEqualTo(new PeriodDuration(
                            Period.ofMonths(months.getPeriod().getMonths()), Duration.ZERO));
            return months.getPeriod().getMonths();
        }
        return value;
    }

    private static List<Object> elements(ListVector list, int index) {
        List<Object> elements = new ArrayList<>();
        for (int i = list.getElementStartIndex(index); i < list.getElementEndIndex(index); i++) {
            elements.add(value(list.getDataVector(), i));
        }
        return elements;
    }

    private static List<Object> entries(MapVector map, int index) {
        StructVector pairs = (StructVector) map.getDataVector();
        List<FieldVector> children = pairs.getChildrenFromFields();
        List<Object> entries = new ArrayList<>();
        for (int i = map.getElementStartIndex(index); i < map.getElementEndIndex(index); i++) {
            entries.add(Arrays.asList(value(children.get(0), i), value(children.get(1), i)));
        }
        return entries;
    }
}
