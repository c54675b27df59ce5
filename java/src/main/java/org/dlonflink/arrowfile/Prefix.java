package org.dlonflink.arrowfile;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a record batch needs before it: the schema, and the dictionaries as they stand where the batch does. One that is
 * replaced is left out with all that was added to it; additions come behind all whole ones, as readers want it.
 */
final class Prefix {
    private final byte[] schema;
    private final boolean hasDictionaries;
    private final Map<Long, byte[]> whole = new LinkedHashMap<>();
    private final List<Addition> additions = new ArrayList<>();
    private long length;

    private record Addition(long id, byte[] message) {}

    Prefix(byte[] schema, boolean hasDictionaries) {
        this.schema = schema;
        this.hasDictionaries = hasDictionaries;
        length = schema.length;
    }

    boolean hasDictionaries() {
        return hasDictionaries;
    }

    void add(MessageHead.Dictionary dictionary, byte[] message) {
        if (dictionary.isDelta()) {
            additions.add(new Addition(dictionary.id(), message));
        } else {
            whole.put(dictionary.id(), message);
            additions.removeIf(a -> a.id() == dictionary.id());
        }
        length = schema.length;
        whole.values().forEach(m -> length += m.length);
        additions.forEach(a -> length += a.message().length);
    }

    long length() {
        return length;
    }

    /** Fills the beginning of {@code to}; gives where it ends. */
    int copyTo(byte[] to) {
        int at = put(schema, to, 0);
        for (byte[] message : whole.values()) {
            at = put(message, to, at);
        }
        for (Addition addition : additions) {
            at = put(addition.message(), to, at);
        }
        return at;
    }

    private static int put(byte[] message, byte[] to, int at) {
        System.arraycopy(message, 0, to, at, message.length);
        return at + message.length;
    }
}
