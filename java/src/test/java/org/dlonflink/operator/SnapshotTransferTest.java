package org.dlonflink.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.OperatorStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.memory.MemCheckpointStreamFactory;
import org.dlonflink.failure.FailureException;
import org.dlonflink.wire.Frame;
import org.dlonflink.wire.FrameType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** This thread is the reader's: where it went on waiting, no row would come back and no barrier be answered. */
@Timeout(60)
class SnapshotTransferTest {
    private static final byte[] CHUNK = new byte[1000];

    /** A storage that takes nothing until it is opened. */
    private static final class Slow implements CheckpointStreamFactory {
        private final CheckpointStreamFactory memory = new MemCheckpointStreamFactory(1 << 20);
        private final CountDownLatch opened = new CountDownLatch(1);

        @Override
        public CheckpointStateOutputStream createCheckpointStateOutputStream(CheckpointedStateScope scope)
                throws IOException {
            CheckpointStateOutputStream stream = memory.createCheckpointStateOutputStream(scope);
            return new CheckpointStateOutputStream() {
                @Override
                public void write(int b) throws IOException {
                    try {
                        opened.await();
                    } catch (InterruptedException e) {
                        throw new IOException(e);
                    }
                    stream.write(b);
                }

                @Override
                public void flush() throws IOException {
                    stream.flush();
                }

                @Override
                public void sync() throws IOException {
                    stream.sync();
                }

                @Override
                public long getPos() throws IOException {
                    return stream.getPos();
                }

                @Override
                public StreamStateHandle closeAndGetHandle() throws IOException {
                    return stream.closeAndGetHandle();
                }

                @Override
                public void close() throws IOException {
                    opened.countDown();
                    stream.close();
                }
            };
        }

        @Override
        public boolean canFastDuplicate(StreamStateHandle handle, CheckpointedStateScope scope) {
            return false;
        }

        @Override
        public List<StreamStateHandle> duplicate(List<StreamStateHandle> handles, CheckpointedStateScope scope) {
            throw new UnsupportedOperationException();
        }
    }

    @TempDir
    private Path directory;

    private final BlockingQueue<Integer> told = new LinkedBlockingQueue<>();
    private final Slow storage = new Slow();
    private SnapshotTransfer snapshots;

    @BeforeEach
    void open() {
        snapshots = new SnapshotTransfer(new FinalSnapshot(directory.resolve("final")));
    }

    @AfterEach
    void letGo() {
        storage.opened.countDown();
    }

    private RunnableFuture<SnapshotResult<OperatorStateHandle>> begin(long checkpoint) throws IOException {
        snapshots.begin(checkpoint, told::add);
        RunnableFuture<SnapshotResult<OperatorStateHandle>> future =
                snapshots.arriving(checkpoint, storage, new CloseableRegistry());
        new Thread(future).start();
        return future;
    }

    private void chunks(long checkpoint, int count) throws IOException {
        for (int i = 0; i < count; i++) {
            ByteBuffer payload = ByteBuffer.allocate(8 + CHUNK.length).order(ByteOrder.LITTLE_ENDIAN);
            snapshots.chunk(new Frame(
                    FrameType.SNAPSHOT, payload.putLong(checkpoint).put(CHUNK).flip()));
        }
    }

    private void durable(long checkpoint, int chunks) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (int i = 0; i < chunks; i++) {
            digest.update(CHUNK);
        }
        ByteBuffer payload = ByteBuffer.allocate(48).order(ByteOrder.LITTLE_ENDIAN);
        payload.putLong(checkpoint).putLong((long) chunks * CHUNK.length).put(digest.digest());
        snapshots.durable(new Frame(FrameType.DURABLE, payload.flip()));
    }

    @Test
    void aSlowStorageHoldsUpTheWorkersUploadAndNobodyElse() throws Exception {
        RunnableFuture<SnapshotResult<OperatorStateHandle>> first = begin(1);
        chunks(1, ChunkQueue.CHUNKS);
        RunnableFuture<SnapshotResult<OperatorStateHandle>> second = begin(2);
        chunks(2, 1);
        assertThat(told).isEmpty();
        assertThat(first.isDone()).isFalse();

        storage.opened.countDown();
        int allowed = ChunkQueue.CHUNKS;
        int sent = ChunkQueue.CHUNKS;
        while (sent < 100) {
            Integer more = told.poll(30, TimeUnit.SECONDS);
            assertThat(more).isNotNull();
            allowed += more;
            chunks(1, Math.min(allowed, 100) - sent);
            sent = Math.min(allowed, 100);
        }
        durable(1, 100);
        durable(2, 1);
        assertThat(first.get().getStateSize()).isGreaterThan(100_000);
        assertThat(second.get().getStateSize()).isBetween(1_000L, 2_000L);
    }

    @Test
    void moreThanThereIsRoomForIsRefused() throws Exception {
        begin(1);
        chunks(1, ChunkQueue.CHUNKS);
        assertThatThrownBy(() -> chunks(1, 1))
                .isInstanceOf(FailureException.class)
                .hasMessageContaining("more of a snapshot than it was allowed to");
        snapshots.abort(1);
        chunks(1, 100); // for nobody any more
    }

    @Test
    void whoWaitsForAChunkGoesOnWhenTheSnapshotIsGivenUp() throws Exception {
        storage.opened.countDown();
        RunnableFuture<SnapshotResult<OperatorStateHandle>> future = begin(1);
        snapshots.failAll(new IOException("the worker was lost"));
        assertThatThrownBy(future::get).hasRootCauseMessage("the worker was lost");
    }
}
