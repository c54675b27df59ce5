package org.dlonflink.operator;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.state.AsyncSnapshotCallable;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.DefaultOperatorStateBackend;
import org.apache.flink.runtime.state.OperatorStateHandle;
import org.apache.flink.runtime.state.OperatorStreamStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.StatePartitionStreamProvider;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.dlonflink.failure.Failure;
import org.dlonflink.wire.Frame;

/**
 * Brings snapshots from the worker into Flink's checkpoints. A snapshot is open from BARRIER until its checkpoint is
 * written or given up; what arrives for one that is not open is dropped.
 */
final class SnapshotTransfer {
    /** The checkpoint number of the final snapshot. */
    static final long FINAL = -1;

    private final Map<Long, ChunkQueue> open = new ConcurrentHashMap<>();
    private final FinalSnapshot last;

    SnapshotTransfer(FinalSnapshot last) {
        this.last = last;
    }

    /** Before BARRIER; behind it the worker is told of room for {@link ChunkQueue#CHUNKS}. */
    void begin(long checkpoint, ChunkQueue.Room room) {
        open.put(checkpoint, new ChunkQueue(room));
    }

    boolean isOpen(long checkpoint) {
        return open.containsKey(checkpoint);
    }

    /** Gives a snapshot up; its future, if there is one, fails, and its stream is closed and deleted. */
    void abort(long checkpoint) {
        ChunkQueue queue = open.remove(checkpoint);
        if (queue != null) {
            queue.close();
        }
    }

    /** The worker is gone, and with it all that is still to come. */
    void failAll(IOException cause) {
        open.values().forEach(queue -> queue.fail(cause));
    }

    /** A SNAPSHOT frame; called by the reader's thread, which does not wait. */
    void chunk(Frame frame) throws IOException {
        long checkpoint = frame.payload().getLong();
        ChunkQueue queue = open.get(checkpoint);
        if (checkpoint == FINAL) {
            last.put(frame.remaining());
        } else if (queue != null) {
            queue.put(frame.remaining());
        }
    }

    /** A DURABLE frame; called by the reader's thread. The length of the snapshot. */
    long durable(Frame frame) throws IOException {
        ByteBuffer payload = frame.payload();
        long checkpoint = payload.getLong();
        long length = payload.getLong();
        ChunkSource.Durable whole = new ChunkSource.Durable(length, frame.remaining());
        ChunkQueue queue = open.get(checkpoint);
        if (checkpoint == FINAL) {
            last.end(whole);
        } else if (queue != null) {
            queue.end(whole);
        }
        return length;
    }

    /** Writes the snapshot as it arrives. */
    RunnableFuture<SnapshotResult<OperatorStateHandle>> arriving(
            long checkpoint, CheckpointStreamFactory streams, CloseableRegistry cancelables) throws IOException {
        ChunkQueue queue = open.get(checkpoint);
        if (queue == null) {
            queue = new ChunkQueue(chunks -> {});
            queue.close();
        }
        ChunkQueue source = queue;
        return new Writing(streams) {
            @Override
            ChunkSource source() {
                return source;
            }

            @Override
            protected void cleanupProvidedResources() {
                source.close();
                open.remove(checkpoint, source);
            }
        }.toAsyncSnapshotFutureTask(cancelables);
    }

    /** Writes the final snapshot, which has arrived. */
    RunnableFuture<SnapshotResult<OperatorStateHandle>> arrived(
            CheckpointStreamFactory streams, CloseableRegistry cancelables) throws IOException {
        return new Writing(streams) {
            @Override
            ChunkSource source() throws IOException {
                return last.chunks();
            }

            @Override
            protected void cleanupProvidedResources() {}
        }.toAsyncSnapshotFutureTask(cancelables);
    }

    /** Gives the worker the one snapshot that a checkpoint of this operator holds. */
    static void restore(Iterable<StatePartitionStreamProvider> inputs, SnapshotFormat.Sink sink)
            throws IOException, InterruptedException {
        Iterator<StatePartitionStreamProvider> states = inputs.iterator();
        if (!states.hasNext()) {
            throw Failure.of("resume", "the checkpoint has no model in it")
                    .where("the state of the operator dlonflink-train")
                    .fix("start anew, or resume from a checkpoint of this pipeline")
                    .exception();
        }
        SnapshotFormat.read(states.next().getStream(), sink);
        if (states.hasNext()) {
            throw Failure.of("resume", "the checkpoint was made at another parallelism of the learner")
                    .where("the state of the operator dlonflink-train")
                    .expected("one snapshot")
                    .exception();
        }
    }

    /** Runs in one of Flink's threads for checkpoints. */
    private abstract static class Writing extends AsyncSnapshotCallable<SnapshotResult<OperatorStateHandle>> {
        private final CheckpointStreamFactory streams;

        Writing(CheckpointStreamFactory streams) {
            this.streams = streams;
        }

        abstract ChunkSource source() throws IOException;

        @Override
        protected SnapshotResult<OperatorStateHandle> callInternal() throws Exception {
            CheckpointStateOutputStream stream =
                    streams.createCheckpointStateOutputStream(CheckpointedStateScope.EXCLUSIVE);
            snapshotCloseableRegistry.registerCloseable(stream);
            long start = stream.getPos();
            try (ChunkSource source = source()) {
                // Cancelled while it waits for a chunk: closing it wakes it up.
                snapshotCloseableRegistry.registerCloseable(source);
                SnapshotFormat.write(source, stream);
            }
            if (!snapshotCloseableRegistry.unregisterCloseable(stream)) {
                throw new IOException("the checkpoint was given up");
            }
            StreamStateHandle handle = stream.closeAndGetHandle();
            OperatorStateHandle.StateMetaInfo place = new OperatorStateHandle.StateMetaInfo(
                    new long[] {start}, OperatorStateHandle.Mode.SPLIT_DISTRIBUTE);
            // Raw operator state is looked up by this name.
            return SnapshotResult.of(new OperatorStreamStateHandle(
                    Map.of(DefaultOperatorStateBackend.DEFAULT_OPERATOR_STATE_NAME, place), handle));
        }
    }
}
