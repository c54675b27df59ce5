package org.dlonflink.worker;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Appends to a log file. When it is full, at the end of a line, it becomes {@code NAME.1}, in the place of the one before: so
 * there are at most two of them, and the newest lines are always there. Used by one thread.
 */
final class BoundedLog extends OutputStream {
    private final Path path;
    private final long most;
    private OutputStream file;
    private long size;

    /** @param most bytes of one file; up to twice as many where no line ends */
    BoundedLog(Path path, long most) throws IOException {
        this.path = path;
        this.most = most;
        open();
    }

    private void open() throws IOException {
        file = Files.newOutputStream(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        size = Files.size(path);
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] buffer, int offset, int length) throws IOException {
        int end = offset + length;
        int cut = size + length > most ? lastLineEnd(buffer, offset, end) : offset;
        cut = cut == offset && size + length > 2 * most ? end : cut;
        put(buffer, offset, cut - offset);
        if (cut > offset) {
            file.close();
            Files.move(path, path.resolveSibling(path.getFileName() + ".1"), StandardCopyOption.REPLACE_EXISTING);
            open();
        }
        put(buffer, cut, end - cut);
    }

    private void put(byte[] buffer, int offset, int length) throws IOException {
        file.write(buffer, offset, length);
        size += length;
    }

    /** The place behind the last line's end; {@code offset} where no line ends. */
    private static int lastLineEnd(byte[] buffer, int offset, int end) {
        for (int at = end; at > offset; at--) {
            if (buffer[at - 1] == '\n') {
                return at;
            }
        }
        return offset;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
