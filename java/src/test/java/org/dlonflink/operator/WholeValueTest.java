package org.dlonflink.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.flink.table.data.GenericRowData;
import org.dlonflink.failure.FailureException;
import org.junit.jupiter.api.Test;

class WholeValueTest {
    private static GenericRowData row(byte[] value) {
        return GenericRowData.of((Object) value);
    }

    @Test
    void givesTheBytesAsTheyAre() throws FailureException {
        WholeValue input = new WholeValue(1_000);
        assertThat(input.isEmpty()).isTrue();
        for (int size : new int[] {0, 3, 20, 999, 4}) {
            byte[] value = new byte[size];
            java.util.Arrays.fill(value, (byte) size);
            assertThat(input.add(row(value))).isTrue();
            assertThat(input.isEmpty()).isFalse();
            ByteBuffer given =
                    ByteBuffer.allocateDirect(16).order(ByteOrder.LITTLE_ENDIAN).position(8);
            ByteBuffer used = input.finish(given);
            assertThat(input.isEmpty()).isTrue();
            assertThat(used.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
            assertThat(used.position()).isEqualTo(8 + size);
            byte[] written = new byte[size];
            used.get(8, written);
            assertThat(written).isEqualTo(value);
        }
    }

    @Test
    void refusesWhatCannotBeABatch() {
        WholeValue input = new WholeValue(1_000);
        assertThatThrownBy(() -> input.add(row(new byte[1_001])))
                .hasMessageContaining("larger than frames may be")
                .hasMessageContaining("write smaller batches");
        assertThatThrownBy(() -> input.add(row(null))).hasMessageContaining("is NULL");
    }
}
