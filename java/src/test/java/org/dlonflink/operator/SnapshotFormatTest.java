package org.dlonflink.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.Semaphore;
import org.dlonflink.failure.FailureException;
import org.junit.jupiter.api.Test;

class SnapshotFormatTest {
    private static final Random RANDOM = new Random(3);

    /** What the sink was given: chunks, then the digest. */
    private static final class Collected implements SnapshotFormat.Sink {
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        byte[] digest;

        @Override
        public void chunk(byte[] chunk, int length) {
            bytes.write(chunk, 0, length);
        }

        @Override
        public void end(byte[] whole) {
            digest = whole;
        }
    }

    private static byte[] written(byte[] data, int chunk) throws Exception {
        Semaphore room = new Semaphore(ChunkQueue.CHUNKS);
        ChunkQueue queue = new ChunkQueue(room::release);
        Thread reader = new Thread(() -> {
            try {
                for (int start = 0; start < data.length; start += chunk) {
                    room.acquire();
                    queue.put(Arrays.copyOfRange(data, start, Math.min(data.length, start + chunk)));
                }
                queue.end(new ChunkSource.Durable(
                        data.length, MessageDigest.getInstance("SHA-256").digest(data)));
            } catch (Exception e) {
                queue.fail(new IOException(e));
            }
        });
        reader.start();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SnapshotFormat.write(queue, out);
        reader.join();
        return out.toByteArray();
    }

    @Test
    void readsWhatItWrote() throws Exception {
        for (int size : new int[] {0, 1, 1 << 20, 20_000_001}) {
            byte[] data = new byte[size];
            RANDOM.nextBytes(data);
            Collected collected = new Collected();
            SnapshotFormat.read(new ByteArrayInputStream(written(data, 1 << 18)), collected);
            assertThat(collected.bytes.toByteArray()).isEqualTo(data);
            assertThat(collected.digest)
                    .isEqualTo(MessageDigest.getInstance("SHA-256").digest(data));
        }
    }

    @Test
    void findsEveryChangedByteAndEveryCut() throws Exception {
        byte[] data = new byte[300];
        RANDOM.nextBytes(data);
        byte[] written = written(data, 100);
        for (int i = 0; i < written.length; i++) {
            byte[] changed = written.clone();
            changed[i] ^= 1;
            assertThatThrownBy(() -> SnapshotFormat.read(new ByteArrayInputStream(changed), new Collected()))
                    .isInstanceOf(FailureException.class);
            byte[] cut = Arrays.copyOf(written, i);
            assertThatThrownBy(() -> SnapshotFormat.read(new ByteArrayInputStream(cut), new Collected()))
                    .isInstanceOf(FailureException.class);
        }
    }

    @Test
    void aDigestThatDoesNotMatchIsRefused() throws Exception {
        ChunkQueue queue = new ChunkQueue(chunks -> {});
        queue.put(new byte[] {1, 2, 3});
        queue.end(new ChunkSource.Durable(3, new byte[32]));
        assertThatThrownBy(() -> SnapshotFormat.write(queue, new ByteArrayOutputStream()))
                .hasMessageContaining("corruption");
    }
}
