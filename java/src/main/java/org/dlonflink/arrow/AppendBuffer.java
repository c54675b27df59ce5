package org.dlonflink.arrow;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Little endian bytes, written front to back, that grow by doubling. They are kept from batch to batch, so that a steady
 * stream allocates nothing. On the heap: direct memory is bounded by the cluster, and writes to it are no faster.
 */
final class AppendBuffer {
    private static final VarHandle SHORTS =
            MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final int INITIAL = 1 << 10;

    /** The longest array that a JVM promises. */
    private static final int LARGEST = Integer.MAX_VALUE - 8;

    private byte[] bytes = new byte[INITIAL];
    private int size;

    /** Makes room for {@code count} bytes more, which the puts below rely on. */
    AppendBuffer room(int count) {
        if (bytes.length - size < count) {
            grow(count);
        }
        return this;
    }

    AppendBuffer putByte(byte value) {
        bytes[size++] = value;
        return this;
    }

    AppendBuffer putShort(short value) {
        SHORTS.set(bytes, size, value);
        size += Short.BYTES;
        return this;
    }

    AppendBuffer putInt(int value) {
        INTS.set(bytes, size, value);
        size += Integer.BYTES;
        return this;
    }

    AppendBuffer putLong(long value) {
        LONGS.set(bytes, size, value);
        size += Long.BYTES;
        return this;
    }

    AppendBuffer putBytes(byte[] from, int start, int count) {
        System.arraycopy(from, start, bytes, size, count);
        size += count;
        return this;
    }

    AppendBuffer fill(byte value, int count) {
        Arrays.fill(bytes, size, size + count, value);
        size += count;
        return this;
    }

    /** Sets the bits of {@code on} and clears those of {@code off} in the byte at {@code index}. */
    void change(int index, int on, int off) {
        bytes[index] = (byte) ((bytes[index] | on) & ~off);
    }

    int size() {
        return size;
    }

    void clear() {
        size = 0;
    }

    /** Appends the content to {@code to}, which has room for it. */
    void copyTo(ByteBuffer to) {
        to.put(bytes, 0, size);
    }

    private void grow(int count) {
        long needed = (long) size + count;
        if (needed > LARGEST) {
            throw new IllegalArgumentException(
                    "one batch needs " + needed
                            + " bytes for one column; Arrow's offsets end at 2 GiB: filter or shorten such rows in source.query");
        }
        bytes = Arrays.copyOf(bytes, (int) Math.max(needed, Math.min(LARGEST, 2L * bytes.length)));
    }
}
