package org.dlonflink.arrow;

import java.io.IOException;
import org.apache.flink.annotation.Internal;

/** Bytes that are not the record batch they should be; the message says which part and why. */
@Internal
public final class CorruptFrameException extends IOException {
    private static final long serialVersionUID = 1L;

    CorruptFrameException(String message) {
        super(message);
    }

    CorruptFrameException(String message, Throwable cause) {
        super(message, cause);
    }
}
