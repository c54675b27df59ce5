package org.dlonflink.arrowfile;

import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.annotation.Nullable;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;

/**
 * An open Arrow IPC file or stream, read message by message. A file is a stream between magic words, with a footer that
 * is not needed here. Nothing but the heads of messages is looked at: what the bodies hold is checked by the worker.
 *
 * <p>Each record batch is given as a stream of its own: schema, dictionaries as they stand, the batch, the end, and
 * behind it where it came from, as text, for the worker's errors.
 */
final class ArrowFile implements Closeable {
    /** A frame of the plan's default: what is longer does not get to the worker. */
    private static final int MOST_BYTES = 64 << 20;

    /** The JDK reads files through memory of its own, as large as what is asked for: this much it takes from its heap. */
    private static final int READ_BYTES = 64 << 10;

    private static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);
    private static final int PADDED_MAGIC = 8;
    private static final byte[] END = {-1, -1, -1, -1, 0, 0, 0, 0};

    private final String place;
    private final FSDataInputStream in;
    private final long size;
    private final Prefix prefix;
    private long position;

    private ArrowFile(String place, FSDataInputStream in, long size) throws IOException {
        this.place = place;
        this.in = in;
        this.size = size;
        position = skipMagic();
        MessageHead schema = head();
        if (schema == null || schema.type() != MessageHeader.Schema) {
            throw refusal("the file is not Arrow", position)
                    .expected("an Arrow IPC file or stream, which begins with its schema")
                    .fix("correct source.paths or source.format")
                    .exception();
        }
        prefix = new Prefix(bytes(schema), schema.hasDictionaries());
    }

    static ArrowFile open(Path path) throws IOException {
        FileSystem files = path.getFileSystem();
        long size = files.getFileStatus(path).getLen();
        FSDataInputStream in = files.open(path);
        try {
            boolean local =
                    path.toUri().getScheme() == null || path.toUri().getScheme().equals("file");
            return new ArrowFile(local ? path.getPath() : path.toString(), in, size);
        } catch (IOException | RuntimeException e) {
            in.close();
            throw e;
        }
    }

    /** The byte behind what was read last. */
    long position() {
        return position;
    }

    /** The next record batch as a stream of its own; null at the end. */
    @Nullable
    byte[] next() throws IOException {
        for (MessageHead head = head(); head != null; head = head()) {
            if (head.type() == MessageHeader.DictionaryBatch) {
                prefix.add(head.dictionary(), bytes(head));
            } else if (head.type() == MessageHeader.RecordBatch) {
                return value(head);
            } else {
                throw damaged(position, "a message of kind " + head.type());
            }
        }
        return null;
    }

    /** Goes on at a position that was given out before; takes up the dictionaries on the way. */
    void goTo(long offset) throws IOException {
        while (prefix.hasDictionaries() && position < offset) {
            MessageHead head = head();
            if (head == null) {
                throw damaged(position, "the end, where a checkpoint had read on to byte " + offset);
            }
            if (head.type() == MessageHeader.DictionaryBatch) {
                prefix.add(head.dictionary(), bytes(head));
            } else {
                position += head.length();
            }
        }
        if (offset > size) {
            throw damaged(size, "the end, where a checkpoint had read on to byte " + offset);
        }
        position = offset;
    }

    private byte[] value(MessageHead head) throws IOException {
        byte[] origin = (place + ", byte " + String.format("%,d", position)).getBytes(StandardCharsets.UTF_8);
        long length = prefix.length() + head.length() + END.length + origin.length;
        if (length > MOST_BYTES) {
            throw tooLarge(length);
        }
        byte[] value = new byte[(int) length];
        int at = prefix.copyTo(value);
        read(value, at, (int) head.length());
        at += (int) head.length();
        System.arraycopy(END, 0, value, at, END.length);
        System.arraycopy(origin, 0, value, at + END.length, origin.length);
        return value;
    }

    private byte[] bytes(MessageHead head) throws IOException {
        if (head.length() > MOST_BYTES) {
            throw tooLarge(head.length());
        }
        byte[] message = new byte[(int) head.length()];
        read(message, 0, message.length);
        return message;
    }

    /** The head of the message at the position, which stays; null at the end. */
    @Nullable
    private MessageHead head() throws IOException {
        if (position == size) {
            // A stream may end without a mark. A file that was cut here has no magic word at its end.
            return null;
        }
        byte[] start = new byte[MessageHead.START_SIZE];
        long begin = position;
        read(start, 0, start.length);
        if (Arrays.equals(start, END)) {
            position = begin;
            return null;
        }
        int length = MessageHead.metadataSize(start);
        if (length <= 0 || length > MOST_BYTES) {
            throw damaged(begin, "no Arrow message (those written before Arrow 0.15 are not read)");
        }
        byte[] metadata = new byte[length];
        read(metadata, 0, length);
        position = begin;
        MessageHead head = MessageHead.parse(metadata);
        if (head == null) {
            throw damaged(begin, "no Arrow message");
        }
        if (head.length() > size - begin) {
            throw damaged(begin, size - begin + " of " + head.length() + " bytes");
        }
        return head;
    }

    private long skipMagic() throws IOException {
        byte[] magic = new byte[MAGIC.length];
        if (size < 2L * MAGIC.length) {
            return 0;
        }
        read(magic, 0, magic.length);
        if (!Arrays.equals(magic, MAGIC)) {
            return 0;
        }
        position = size - MAGIC.length;
        read(magic, 0, magic.length);
        if (!Arrays.equals(magic, MAGIC)) {
            throw damaged(size, "an end without " + new String(MAGIC, StandardCharsets.US_ASCII));
        }
        return PADDED_MAGIC;
    }

    private void read(byte[] to, int offset, int length) throws IOException {
        if (in.getPos() != position) {
            in.seek(position);
        }
        for (int count = 0; count < length; ) {
            int more = in.read(to, offset + count, Math.min(length - count, READ_BYTES));
            if (more < 0) {
                throw damaged(position, count + " of " + length + " bytes");
            }
            count += more;
        }
        position += length;
    }

    private FailureException tooLarge(long length) {
        return refusal("a record batch is larger than frames may be", position)
                .expected("at most " + MOST_BYTES + " bytes, with its dictionaries")
                .got(length + " bytes")
                .fix("write the file in smaller batches: 4,096 to 16,384 rows")
                .exception();
    }

    private FailureException damaged(long at, String got) {
        return refusal("the Arrow file is damaged or cut short", at)
                .expected("a whole message")
                .got(got)
                .fix("write the file anew")
                .exception();
    }

    private Failure refusal(String what, long at) {
        return Failure.of("data", what).where(place + ", byte " + String.format("%,d", at));
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
