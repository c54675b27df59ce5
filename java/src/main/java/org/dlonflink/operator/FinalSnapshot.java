package org.dlonflink.operator;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.annotation.Nullable;
import org.dlonflink.failure.FailureException;
import org.dlonflink.wire.FrameType;

/**
 * The snapshot that comes before FINISHED, and answers every checkpoint after it. It lies in a file, for a model may be
 * larger than the heap. Written by the reader's thread; read by others once {@link #end} has returned.
 */
final class FinalSnapshot {
    private final Path file;

    @Nullable
    private OutputStream out;

    @Nullable
    private ChunkSource.Durable durable;

    private final SnapshotFormat.Check check = new SnapshotFormat.Check();

    FinalSnapshot(Path file) {
        this.file = file;
    }

    void put(byte[] chunk) throws IOException {
        if (out == null) {
            out = Files.newOutputStream(file);
        }
        check.update(chunk, chunk.length);
        out.write(chunk);
    }

    /** @throws FailureException (code corruption) if what came is not what the worker sent */
    void end(ChunkSource.Durable whole) throws IOException {
        if (out == null) {
            out = Files.newOutputStream(file);
        }
        out.close();
        check.require(whole);
        durable = whole;
    }

    ChunkSource chunks() throws IOException {
        InputStream in = Files.newInputStream(file);
        return new ChunkSource() {
            @Override
            @Nullable
            public byte[] next() throws IOException {
                byte[] chunk = in.readNBytes(FrameType.CHUNK_BYTES);
                return chunk.length > 0 ? chunk : null;
            }

            @Override
            public void close() throws IOException {
                in.close();
            }

            @Override
            public Durable durable() {
                return durable;
            }
        };
    }
}
