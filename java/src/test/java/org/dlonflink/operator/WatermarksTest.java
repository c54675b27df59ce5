package org.dlonflink.operator;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.junit.jupiter.api.Test;

class WatermarksTest {
    private final Watermarks watermarks = new Watermarks();

    @Test
    void oneAtATimeIsAtTheWorkerAndTheLatestWaits() {
        watermarks.offer(1);
        assertThat(watermarks.isDue()).isTrue();
        assertThat(watermarks.take()).isEqualTo(1);
        watermarks.offer(2);
        watermarks.offer(3);
        assertThat(watermarks.isDue()).isFalse();
        watermarks.passed(1);
        assertThat(watermarks.isDue()).isTrue();
        assertThat(watermarks.take()).isEqualTo(3);
        watermarks.passed(3);
        assertThat(watermarks.isWaiting()).isFalse();
    }

    @Test
    void anAnswerToAnOlderOneLeavesTheNewerAway() {
        watermarks.offer(1);
        watermarks.take();
        watermarks.offer(2);
        watermarks.take();
        watermarks.passed(1);
        watermarks.offer(3);
        assertThat(watermarks.isDue()).isFalse();
        watermarks.passed(2);
        assertThat(watermarks.isDue()).isTrue();
    }

    @Test
    void aStatusStaysBehindTheWatermarkBeforeIt() {
        assertThat(watermarks.holdBack(WatermarkStatus.IDLE)).isFalse();
        watermarks.offer(1);
        assertThat(watermarks.holdBack(WatermarkStatus.IDLE)).isTrue();
        watermarks.take();
        assertThat(watermarks.releaseStatus()).isNull();
        watermarks.passed(1);
        assertThat(watermarks.releaseStatus()).isEqualTo(WatermarkStatus.IDLE);
        assertThat(watermarks.releaseStatus()).isNull();
    }
}
