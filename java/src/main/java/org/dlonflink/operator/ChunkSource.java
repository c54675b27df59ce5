package org.dlonflink.operator;

import java.io.Closeable;
import java.io.IOException;
import javax.annotation.Nullable;

/** The chunks of one snapshot, in order. */
interface ChunkSource extends Closeable {
    /** The next chunk; null after the last. Waits until there is one. */
    @Nullable
    byte[] next() throws IOException, InterruptedException;

    /** What the worker says of the whole; to be asked after the last chunk. */
    Durable durable();

    /**
     * What DURABLE holds.
     *
     * @param length bytes of all chunks
     * @param digest SHA-256 of all chunks
     */
    record Durable(long length, byte[] digest) {}
}
