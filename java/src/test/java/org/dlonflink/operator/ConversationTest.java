package org.dlonflink.operator;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.dlonflink.failure.FailureException;
import org.dlonflink.wire.Frame;
import org.dlonflink.wire.FrameType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ConversationTest {
    private final Conversation conversation = new Conversation();

    @BeforeEach
    void ready() throws Exception {
        conversation.received(json(FrameType.READY, "{}"));
    }

    private static Frame json(FrameType type, String text) {
        return new Frame(type, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static Frame number(FrameType type, long number) {
        ByteBuffer payload = ByteBuffer.allocate(48).order(ByteOrder.LITTLE_ENDIAN);
        return new Frame(type, payload.putLong(0, number));
    }

    private void refuses(Frame frame) {
        assertThatThrownBy(() -> conversation.received(frame))
                .isInstanceOf(FailureException.class)
                .hasMessageContaining("\"code\":\"protocol\"")
                .hasMessageContaining(frame.type() + " out of order");
    }

    @ParameterizedTest
    @EnumSource(
            value = FrameType.class,
            names = {"CREDIT", "SCORED", "REJECT", "ALIGNED", "VERSION", "FINISHED", "METRICS"})
    void nothingComesBeforeReady(FrameType type) {
        assertThatThrownBy(() -> new Conversation().received(number(type, 1)))
                .hasMessageContaining("READY before all else");
    }

    @Test
    void aCheckpointAfterItsBarrierAndOnce() throws Exception {
        refuses(number(FrameType.ALIGNED, 1));
        conversation.sent(FrameType.BARRIER, 1);
        refuses(number(FrameType.SNAPSHOT, 1));
        conversation.received(number(FrameType.ALIGNED, 1));
        refuses(number(FrameType.ALIGNED, 1));
        conversation.received(number(FrameType.SNAPSHOT, 1));
        conversation.received(number(FrameType.DURABLE, 1));
        refuses(number(FrameType.DURABLE, 1));
        refuses(json(FrameType.VERSION, "{\"checkpoint\": 1}"));
        conversation.sent(FrameType.COMMIT, 1);
        conversation.received(json(FrameType.VERSION, "{\"checkpoint\": 1}"));
        refuses(json(FrameType.VERSION, "{\"checkpoint\": 1}"));
    }

    /** Its last chunks may be on their way when ABORT is. */
    @Test
    void whatWasAbortedMayStillCome() throws Exception {
        conversation.sent(FrameType.BARRIER, 1);
        conversation.sent(FrameType.ABORT, 1);
        conversation.received(number(FrameType.ALIGNED, 1));
        conversation.received(number(FrameType.SNAPSHOT, 1));
        conversation.sent(FrameType.BARRIER, 2);
        conversation.received(number(FrameType.ALIGNED, 2));
        conversation.received(number(FrameType.DURABLE, 2));
        refuses(number(FrameType.SNAPSHOT, 1));
    }

    @Test
    void noWatermarkOvertakesTheRowsBeforeIt() throws Exception {
        refuses(number(FrameType.WATERMARK_OUT, 5));
        conversation.sent(FrameType.WATERMARK, 5);
        refuses(number(FrameType.WATERMARK_OUT, 6));
        conversation.received(number(FrameType.WATERMARK_OUT, 5));
        conversation.sent(FrameType.WATERMARK, 9);
        refuses(number(FrameType.WATERMARK_OUT, 4));
    }

    @Test
    void theEndComesAfterEndAndItsSnapshot() throws Exception {
        refuses(number(FrameType.SNAPSHOT, SnapshotTransfer.FINAL));
        refuses(json(FrameType.FINISHED, "{}"));
        conversation.sent(FrameType.END, 0);
        refuses(json(FrameType.FINISHED, "{}"));
        conversation.received(number(FrameType.SNAPSHOT, SnapshotTransfer.FINAL));
        conversation.received(number(FrameType.DURABLE, SnapshotTransfer.FINAL));
        conversation.received(json(FrameType.FINISHED, "{}"));
        refuses(json(FrameType.FINISHED, "{}"));
        refuses(number(FrameType.SCORED, 1));
    }

    @Test
    void creditsAreBounded() throws Exception {
        ByteBuffer payload = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        Frame credit = new Frame(FrameType.CREDIT, payload);
        for (int batches : new int[] {0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            payload.putInt(0, batches);
            refuses(credit);
        }
        payload.putInt(0, 4);
        conversation.received(credit);
        conversation.sent(FrameType.BATCH, 0);
        assertThatCode(() -> conversation.received(credit)).doesNotThrowAnyException();
    }
}
