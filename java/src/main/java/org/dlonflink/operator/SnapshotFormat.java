package org.dlonflink.operator;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import javax.annotation.Nullable;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.wire.FrameType;

/**
 * How a snapshot lies in Flink's operator state: version (i32), then for each chunk its length (i32, 1 to 1 MiB) and
 * bytes, then a zero and the SHA-256 of all chunks. Big endian, as Flink's own state is.
 */
final class SnapshotFormat {
    private static final int VERSION = 1;
    private static final int DIGEST_BYTES = 32;
    private static final String PLACE = "the state of the operator dlonflink-train";

    private SnapshotFormat() {}

    /** Takes the chunks of a snapshot, then their digest. */
    interface Sink {
        void chunk(byte[] bytes, int length) throws IOException, InterruptedException;

        void end(byte[] digest) throws IOException, InterruptedException;
    }

    static void write(ChunkSource source, OutputStream stream) throws IOException, InterruptedException {
        // Flink's stream has a buffer of its own, and is closed by its owner.
        DataOutputStream out = new DataOutputStream(stream);
        Check check = new Check();
        out.writeInt(VERSION);
        for (byte[] chunk = source.next(); chunk != null; chunk = source.next()) {
            check.update(chunk, chunk.length);
            if (chunk.length > 0) {
                out.writeInt(chunk.length);
                out.write(chunk);
            }
        }
        check.require(source.durable());
        out.writeInt(0);
        out.write(source.durable().digest());
        out.flush();
    }

    /** @throws FailureException (code corruption) if the bytes are not such a snapshot, or changed since */
    static void read(InputStream stream, Sink sink) throws IOException, InterruptedException {
        DataInputStream in = new DataInputStream(stream);
        try {
            int version = in.readInt();
            if (version != VERSION) {
                throw Failure.of("corruption", "a snapshot was written by another release, or is damaged")
                        .where(PLACE)
                        .expected("format " + VERSION)
                        .got("format " + version)
                        .fix("resume with the release that wrote it, or from an older checkpoint")
                        .lasting();
            }
            Check check = new Check();
            byte[] chunk = new byte[FrameType.CHUNK_BYTES];
            for (int length = in.readInt(); length != 0; length = in.readInt()) {
                if (length < 0 || length > chunk.length) {
                    throw corrupt("a chunk of 1 to " + chunk.length + " bytes", length + " bytes")
                            .lasting();
                }
                in.readFully(chunk, 0, length);
                check.update(chunk, length);
                sink.chunk(chunk, length);
            }
            byte[] digest = new byte[DIGEST_BYTES];
            in.readFully(digest);
            Failure problem = check.problem(new ChunkSource.Durable(check.length, digest));
            if (problem != null) {
                throw problem.lasting();
            }
            sink.end(digest);
        } catch (EOFException e) {
            throw corrupt("a whole snapshot", "its beginning").lasting();
        }
    }

    private static Failure corrupt(String expected, String got) {
        return Failure.of("corruption", "a snapshot is not what was written")
                .where(PLACE)
                .expected(expected)
                .got(got)
                .fix("resume from an older checkpoint");
    }

    /** Length and digest of what passed. */
    static final class Check {
        private final MessageDigest digest = sha256();
        private long length;

        void update(byte[] bytes, int count) {
            digest.update(bytes, 0, count);
            length += count;
        }

        void require(ChunkSource.Durable whole) throws FailureException {
            Failure problem = problem(whole);
            if (problem != null) {
                throw problem.exception();
            }
        }

        @Nullable
        private Failure problem(ChunkSource.Durable whole) {
            if (length != whole.length()) {
                return corrupt(whole.length() + " bytes", length + " bytes");
            }
            if (!Arrays.equals(digest.digest(), whole.digest())) {
                return corrupt("the SHA-256 that the worker gave", "another");
            }
            return null;
        }

        private static MessageDigest sha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every Java has SHA-256", e);
            }
        }
    }
}
