package org.dlonflink.csv;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.annotation.Nullable;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.Path;
import org.dlonflink.failure.FailureException;
import org.dlonflink.rejects.TextInput;

/**
 * Cuts text into rows and fields. Fields are ranges of a block of bytes; blocks are never written to again, so that a row
 * may keep its strings there.
 */
final class CsvScanner {
    private static final int BLOCK_BYTES = 1 << 17;

    /** A row this long is a quote that nobody closed. */
    private static final int MAX_ROW_BYTES = 1 << 26;

    private static final int MORE = -1;
    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

    private final Path path;
    private final InputStream in;
    private final boolean keepsRows;
    private byte[] block = new byte[BLOCK_BYTES];
    private long blockOffset;
    private int position;
    private int limit;
    private boolean end;

    private int[] starts = new int[64];
    private int[] ends = new int[64];
    private boolean[] escaped = new boolean[64];
    private int fields;
    private boolean anyEscaped;
    private boolean anyQuoted;
    private int row;

    /** Of the row before its doubled quotes became one; null where it has none, or nobody will ask. */
    @Nullable
    private byte[] escapedRow;

    /** What is no CSV, among the bytes from the position on; -1: nothing that {@link #recover} gets over. */
    private int fault = -1;

    /**
     * @param in at the beginning of the text
     * @param keepsRows {@link #row} will be asked for
     */
    CsvScanner(Path path, InputStream in, boolean keepsRows) {
        this.path = path;
        this.in = in;
        this.keepsRows = keepsRows;
    }

    /** Goes to the byte, not before the current one, that a row begins at; a compressed file is read up to there. */
    void seek(long offset) throws IOException {
        if (offset <= blockOffset + limit) {
            position = Math.max(position, (int) (offset - blockOffset));
            return;
        }
        if (in instanceof FSDataInputStream file) {
            file.seek(offset);
        } else {
            in.skipNBytes(offset - blockOffset - limit);
        }
        blockOffset = offset;
        position = 0;
        limit = 0;
        end = false;
    }

    /** Goes to the next row; blank lines are passed over. False at the end. */
    boolean next() throws IOException {
        fault = -1;
        if (blockOffset + position == 0) {
            skipByteOrderMark();
        }
        while (position < limit || !end) {
            int after = scan();
            if (after == MORE) {
                read();
                continue;
            }
            row = position;
            position = after;
            boolean blank = fields == 1 && starts[0] == ends[0] && !anyQuoted;
            if (!blank) {
                escapedRow = null;
                if (anyEscaped) {
                    escapedRow = keepsRows ? row() : null;
                    unescape();
                }
                return true;
            }
        }
        return false;
    }

    /** The byte of the text that the row after this one begins at. */
    long offset() {
        return blockOffset + position;
    }

    /** The byte of the text that the row begins at. */
    long rowOffset() {
        return blockOffset + row;
    }

    /** The row as it stands in the file, without the line's end. */
    byte[] row() {
        if (escapedRow != null) {
            return escapedRow;
        }
        int to = position;
        if (to > row && block[to - 1] == '\n') {
            to -= to - 1 > row && block[to - 2] == '\r' ? 2 : 1;
        }
        return Arrays.copyOfRange(block, row, to);
    }

    /**
     * After {@link #next} has failed: goes on behind the line in which it did, or at the end where a quote is not closed.
     * What was passed over is the row. False if there is nothing behind it that could be told from it.
     */
    boolean recover() throws IOException {
        if (fault < 0) {
            return false;
        }
        int p = fault;
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
        row = position;
        position = Math.min(limit, p + 1);
        escapedRow = null;
        return true;
    }

    int fields() {
        return fields;
    }

    /** The block in which the row lies until the next call of next. */
    byte[] block() {
        return block;
    }

    int start(int field) {
        return starts[field];
    }

    int end(int field) {
        return ends[field];
    }

    String text(int field) {
        return new String(block, starts[field], ends[field] - starts[field], StandardCharsets.UTF_8);
    }

    /** Finds the fields of the row at the position; where the row after it begins, or MORE if the block ends before. */
    private int scan() throws FailureException {
        byte[] b = block;
        int p = position;
        fields = 0;
        anyEscaped = false;
        anyQuoted = false;
        while (true) {
            p = p < limit && b[p] == '"' ? quoted(p) : plain(p);
            if (p == MORE) {
                return MORE;
            }
            if (p == limit) {
                return end ? p : MORE;
            }
            if (b[p] == '\n') {
                return p + 1;
            }
            if (b[p] == '\r') {
                if (p + 1 == limit && !end) {
                    return MORE;
                }
                if (p + 1 < limit && b[p + 1] == '\n') {
                    return p + 2;
                }
                throw malformed(p, "a LF after a CR, or the field within quotes");
            }
            if (b[p] != ',') {
                throw malformed(p, "a comma or the end of the line after a closing quote");
            }
            p++;
        }
    }

    private int plain(int start) {
        byte[] b = block;
        int p = start;
        while (p < limit && b[p] != ',' && b[p] != '\n' && b[p] != '\r') {
            p++;
        }
        add(start, p, false);
        return p;
    }

    private int quoted(int quote) throws FailureException {
        byte[] b = block;
        boolean hasQuotes = false;
        int p = quote + 1;
        while (true) {
            while (p < limit && b[p] != '"') {
                p++;
            }
            if (p + 1 >= limit && !end) {
                return MORE;
            }
            if (p >= limit) {
                FailureException open = malformed(quote, "a closing quote");
                fault = limit;
                throw open;
            }
            if (p + 1 == limit || b[p + 1] != '"') {
                add(quote + 1, p, hasQuotes);
                anyQuoted = true;
                return p + 1;
            }
            hasQuotes = true;
            p += 2;
        }
    }

    private void add(int start, int stop, boolean hasQuotes) {
        if (fields == starts.length) {
            starts = Arrays.copyOf(starts, 2 * fields);
            ends = Arrays.copyOf(ends, 2 * fields);
            escaped = Arrays.copyOf(escaped, 2 * fields);
        }
        starts[fields] = start;
        ends[fields] = stop;
        escaped[fields++] = hasQuotes;
        anyEscaped |= hasQuotes;
    }

    /** Two quotes become one, in place: the row is whole now and is not scanned again. */
    private void unescape() {
        for (int i = 0; i < fields; i++) {
            if (escaped[i]) {
                int to = starts[i];
                for (int from = starts[i]; from < ends[i]; from++) {
                    block[to++] = block[from];
                    from += block[from] == '"' ? 1 : 0;
                }
                ends[i] = to;
            }
        }
    }

    /** Begins a new block with what is left of the old one. */
    private void read() throws IOException {
        int left = limit - position;
        if (left > MAX_ROW_BYTES) {
            String expected = "a row of at most " + MAX_ROW_BYTES + " bytes, with every quote closed";
            throw CsvFile.malformed(path, offset(), expected, new String(block, position, 80, StandardCharsets.UTF_8));
        }
        byte[] next = new byte[Math.max(BLOCK_BYTES, 2 * left)];
        System.arraycopy(block, position, next, 0, left);
        blockOffset += position;
        block = next;
        position = 0;
        limit = left + TextInput.fill(path, in, next, left);
        end = limit < block.length;
    }

    private void skipByteOrderMark() throws IOException {
        if (limit == 0 && !end) {
            read();
        }
        if (limit >= 3 && Arrays.equals(block, 0, 3, BYTE_ORDER_MARK, 0, 3)) {
            position = 3;
        }
    }

    private FailureException malformed(int place, String expected) {
        fault = place;
        int from = Math.max(position, place - 40);
        String got = new String(block, from, Math.min(limit, place + 40) - from, StandardCharsets.UTF_8);
        return CsvFile.malformed(path, blockOffset + place, expected, got);
    }
}
