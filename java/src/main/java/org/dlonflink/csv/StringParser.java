package org.dlonflink.csv;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.core.memory.MemorySegment;
import org.apache.flink.core.memory.MemorySegmentFactory;
import org.apache.flink.table.data.binary.BinaryStringData;

/** Text as it stands in the file: nothing is copied, the strings of a block share one memory segment. */
final class StringParser implements FieldParser {
    private byte[] block;
    private MemorySegment[] segments;

    @Override
    public BinaryStringData parse(byte[] bytes, int start, int end) throws FieldException {
        for (int i = start; i < end; i++) {
            if (bytes[i] < 0) {
                // Arrow's strings must be UTF-8: the worker would refuse the whole batch, and could not say why.
                requireUtf8(bytes, i, end);
                break;
            }
        }
        if (bytes != block) {
            block = bytes;
            segments = new MemorySegment[] {MemorySegmentFactory.wrap(bytes)};
        }
        return new BinaryStringData(segments, start, end - start);
    }

    private static void requireUtf8(byte[] bytes, int start, int end) throws FieldException {
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, start, end - start));
        } catch (CharacterCodingException e) {
            throw new FieldException("UTF-8");
        }
    }

    /** For what is made of ASCII alone; other bytes become characters that no parser accepts. */
    static String ascii(byte[] bytes, int start, int end) {
        return new String(bytes, start, end - start, StandardCharsets.ISO_8859_1);
    }
}
