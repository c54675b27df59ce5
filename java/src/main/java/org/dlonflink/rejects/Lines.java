package org.dlonflink.rejects;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import org.apache.flink.api.common.io.compression.InflaterInputStreamFactory;
import org.apache.flink.connector.file.src.compression.StandardDeCompressors;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.Path;
import org.dlonflink.failure.Failure;

/** The lines of a file, and the bytes that they begin at. */
final class Lines implements Closeable {
    private static final int BLOCK_BYTES = 1 << 17;
    private static final int MAX_LINE_BYTES = 1 << 26;

    private final Path path;
    private final InputStream in;
    private byte[] block = new byte[BLOCK_BYTES];
    private long blockOffset;
    private int position;
    private int limit;
    private boolean end;

    /** Opens the file; a compressed one is read up to {@code offset}, which a line begins at. */
    Lines(Path path, long offset) throws IOException {
        this.path = path;
        FSDataInputStream raw = path.getFileSystem().open(path);
        try {
            InflaterInputStreamFactory<?> inflater = StandardDeCompressors.getDecompressorForFileName(path.getPath());
            in = inflater == null ? raw : inflater.create(raw);
            if (inflater == null) {
                raw.seek(offset);
            } else {
                in.skipNBytes(offset);
            }
        } catch (IOException | RuntimeException e) {
            raw.close();
            throw e;
        }
        blockOffset = offset;
    }

    /** The byte of the text that the next line begins at. */
    long offset() {
        return blockOffset + position;
    }

    /** The next line without its end; null where there is none. */
    byte[] next() throws IOException {
        int p = position;
        while (true) {
            while (p < limit && block[p] != '\n') {
                p++;
            }
            if (p < limit || end) {
                break;
            }
            p -= position;
            read();
        }
        if (position == limit) {
            return null;
        }
        int to = p < limit && p > position && block[p - 1] == '\r' ? p - 1 : p;
        byte[] line = Arrays.copyOfRange(block, position, to);
        position = Math.min(limit, p + 1);
        return line;
    }

    private void read() throws IOException {
        int left = limit - position;
        if (left > MAX_LINE_BYTES) {
            throw Failure.of("data", "a line is too long")
                    .where(TextRows.shown(path) + ":" + offset())
                    .expected("at most " + MAX_LINE_BYTES + " bytes")
                    .exception();
        }
        byte[] next = new byte[Math.max(BLOCK_BYTES, 2 * left)];
        System.arraycopy(block, position, next, 0, left);
        blockOffset += position;
        block = next;
        position = 0;
        limit = left + TextInput.fill(path, in, next, left);
        end = limit < next.length;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
