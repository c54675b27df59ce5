package org.dlonflink.arrowfile;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import javax.annotation.Nullable;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.Schema;

/**
 * What is before a message's body.
 *
 * @param type of {@link MessageHeader}
 * @param length of the whole message
 * @param hasDictionaries in a schema: whether dictionaries may come
 * @param dictionary in a dictionary batch, else null
 */
record MessageHead(byte type, long length, boolean hasDictionaries, @Nullable Dictionary dictionary) {
    /** Continuation marker and length of the metadata. */
    static final int START_SIZE = 8;

    private static final int CONTINUATION = -1;
    private static final int DEEPEST = 64;

    /** @param isDelta its values are added to those of the same id */
    record Dictionary(long id, boolean isDelta) {}

    /** Length of the metadata behind {@code start}; -1 if no message begins so. */
    static int metadataSize(byte[] start) {
        ByteBuffer bytes = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN);
        return bytes.getInt() == CONTINUATION ? bytes.getInt() : -1;
    }

    /** Null for metadata that are none. Java's flatbuffers have no verifier: nothing reaches out of the array. */
    @Nullable
    static MessageHead parse(byte[] metadata) {
        try {
            Message message = Message.getRootAsMessage(ByteBuffer.wrap(metadata));
            long length = START_SIZE + metadata.length + message.bodyLength();
            if (message.bodyLength() < 0 || length < 0) {
                return null;
            }
            boolean dictionaries = false;
            Dictionary dictionary = null;
            if (message.headerType() == MessageHeader.Schema) {
                Schema schema = (Schema) message.header(new Schema());
                for (int i = 0; i < schema.fieldsLength(); i++) {
                    dictionaries |= hasDictionary(schema.fields(i), DEEPEST);
                }
            } else if (message.headerType() == MessageHeader.DictionaryBatch) {
                DictionaryBatch batch = (DictionaryBatch) message.header(new DictionaryBatch());
                dictionary = new Dictionary(batch.id(), batch.isDelta());
            }
            return new MessageHead(message.headerType(), length, dictionaries, dictionary);
        } catch (IndexOutOfBoundsException | NullPointerException e) {
            return null;
        }
    }

    private static boolean hasDictionary(Field field, int depth) {
        if (field.dictionary() != null) {
            return true;
        }
        for (int i = 0; depth > 0 && i < field.childrenLength(); i++) {
            if (hasDictionary(field.children(i), depth - 1)) {
                return true;
            }
        }
        return false;
    }
}
