package org.dlonflink.wire;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;

/** A frame as it came; the payload is little endian, on the heap, from 0 to its limit, and belongs to the receiver. */
@Internal
public record Frame(FrameType type, ByteBuffer payload) {
    private static final int REASON_CHARACTERS = 200;

    /**
     * The whole payload as a JSON object; its position stays.
     *
     * @throws FailureException (code protocol) if it is none
     */
    public ObjectNode json() throws FailureException {
        byte[] bytes = new byte[payload.limit()];
        payload.get(0, bytes);
        try {
            return Json.parseObject(bytes);
        } catch (IOException e) {
            String reason = e.getMessage().lines().findFirst().orElse("");
            throw Failure.of("protocol", "the worker sent a " + type + " frame whose JSON is not as agreed")
                    .where("the socket from the worker")
                    .expected("a JSON object")
                    .got(reason.substring(0, Math.min(REASON_CHARACTERS, reason.length())))
                    .exception(e);
        }
    }

    /** The payload from its position on. */
    public byte[] remaining() {
        byte[] bytes = new byte[payload.remaining()];
        payload.get(bytes);
        return bytes;
    }
}
