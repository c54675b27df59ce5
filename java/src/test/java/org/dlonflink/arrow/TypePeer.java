package org.dlonflink.arrow;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.runtime.typeutils.RowDataSerializer;
import org.apache.flink.table.types.logical.RowType;

/**
 * The codec's side of the test that hypothesis drives (tests/test_types_flink.py), over stdin and stdout. A case is {@code
 * {"row": type, "batches": [[row]], "binary": boolean}}; the answer is the schema and each batch as the encoder writes them, or one message that
 * says what went wrong.
 * Then come batches that pyarrow wrote; the answer is empty if the decoder gives the case's rows, else what differs.
 * Every message is its length, 4 bytes big endian, and its bytes; a count of that size stands before several.
 */
final class TypePeer {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final DataInputStream in = new DataInputStream(System.in);
    private final DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));

    private TypePeer() {}

    public static void main(String[] args) throws IOException {
        TypePeer peer = new TypePeer();
        while (true) {
            byte[] request;
            try {
                request = peer.take();
            } catch (EOFException end) {
                return;
            }
            try {
                peer.answer(JSON.readTree(request));
            } catch (RuntimeException refused) {
                peer.give(List.of(refused.toString().getBytes(StandardCharsets.UTF_8)));
            }
        }
    }

    private void answer(JsonNode request) throws IOException {
        RowType type = NeutralRows.rowType(request.get("row"));
        List<List<Object>> expected = new ArrayList<>();
        List<byte[]> messages = new ArrayList<>();
        messages.add(ArrowSchema.message(type));
        ArrowEncoder encoder = new ArrowEncoder(type, Integer.MAX_VALUE);
        RowDataSerializer binary = request.get("binary").booleanValue() && RandomRows.hasBinaryForm(type)
                ? new RowDataSerializer(type)
                : null;
        for (JsonNode batch : request.get("batches")) {
            for (JsonNode values : batch) {
                GenericRowData row = NeutralRows.row(values, type);
                expected.add(Plain.row(row, type));
                encoder.write(binary == null ? row : binary.toBinaryRow(row));
            }
            ByteBuffer message = encoder.finish(ByteBuffer.allocate(0)).flip();
            byte[] copy = new byte[message.remaining()];
            message.get(copy);
            messages.add(copy);
        }
        give(messages);
        give(List.of(difference(type, expected).getBytes(StandardCharsets.UTF_8)));
    }

    private String difference(RowType type, List<List<Object>> expected) throws IOException {
        ArrowDecoder decoder = new ArrowDecoder(type);
        List<List<Object>> rows = new ArrayList<>();
        for (int batches = in.readInt(); batches > 0; batches--) {
            try {
                int count = decoder.load(ByteBuffer.wrap(take()));
                for (int i = 0; i < count; i++) {
                    rows.add(Plain.row(decoder.row(i), type));
                }
            } catch (CorruptFrameException refused) {
                rows.add(List.of(refused.getMessage()));
            }
        }
        return rows.equals(expected) ? "" : "decoded " + rows + "\nexpected " + expected;
    }

    private byte[] take() throws IOException {
        byte[] message = new byte[in.readInt()];
        in.readFully(message);
        return message;
    }

    private void give(List<byte[]> messages) throws IOException {
        out.writeInt(messages.size());
        for (byte[] message : messages) {
            out.writeInt(message.length);
            out.write(message);
        }
        out.flush();
    }
}
