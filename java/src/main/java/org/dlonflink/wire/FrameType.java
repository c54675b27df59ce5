package org.dlonflink.wire;

import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;

/** The frames of contract/README.md, section 2. */
@Internal
public enum FrameType {
    HELLO(1),
    RESTORE(2),
    BATCH(3),
    BARRIER(4),
    COMMIT(5),
    ABORT(6),
    WATERMARK(7),
    END(8),
    STOP(9),
    CHUNKS(10),

    READY(33, 2, Integer.MAX_VALUE),
    SCORED(34, 8, Integer.MAX_VALUE),
    CREDIT(35, 4, 4),
    ALIGNED(36, 8, 8),
    SNAPSHOT(37, 8, 8 + FrameType.CHUNK_BYTES),
    DURABLE(38, 48, 48),
    VERSION(39, 2, Integer.MAX_VALUE),
    WATERMARK_OUT(40, 8, 8),
    FINISHED(41, 2, Integer.MAX_VALUE),
    METRICS(42, 2, Integer.MAX_VALUE),
    REJECT(43, 8, Integer.MAX_VALUE),
    ERROR(44, 2, Integer.MAX_VALUE),
    HEARTBEAT(45, 8, 8);

    /** The most that a chunk of a snapshot holds. */
    public static final int CHUNK_BYTES = 1 << 20;

    /** RESTORE: this is the last frame, and its payload the digest. */
    public static final int FLAG_LAST = 1;

    private static final FrameType[] FROM_WORKER = new FrameType[256];

    static {
        for (FrameType type : values()) {
            if (type.most > 0) {
                FROM_WORKER[type.code] = type;
            }
        }
    }

    private final int code;
    private final int least;
    private final int most;

    FrameType(int code) {
        this(code, 0, 0);
    }

    /** A type that the worker sends, with the bounds of its payload, so that a header alone can be refused. */
    FrameType(int code, int least, int most) {
        this.code = code;
        this.least = least;
        this.most = most;
    }

    byte code() {
        return (byte) code;
    }

    boolean allows(long length) {
        return length >= least && length <= most;
    }

    @Nullable
    static FrameType fromWorker(int code) {
        return FROM_WORKER[code];
    }
}
