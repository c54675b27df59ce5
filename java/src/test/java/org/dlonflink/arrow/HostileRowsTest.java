package org.dlonflink.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.types.logical.RowType;
import org.dlonflink.Attack;
import org.dlonflink.Mutations;
import org.junit.jupiter.api.Test;

/** Hostile SCORED and REJECT frames: rows of their type, or a {@link CorruptFrameException}. */
class HostileRowsTest {
    /** Types of one decoder, and batches of them. */
    private record Seed(RowType type, ArrowDecoder decoder, List<byte[]> batches) {
        Seed(RowType type, List<byte[]> batches) {
            this(type, new ArrowDecoder(type), batches);
        }
    }

    @Test
    void rows() {
        List<Seed> seeds = new ArrayList<>();
        List<byte[]> golden = new ArrayList<>();
        GoldenRows.BATCHES.forEach(rows -> golden.add(batch(GoldenRows.TYPE, rows)));
        seeds.add(new Seed(GoldenRows.TYPE, golden));
        for (long seed = 0; seed < 30; seed++) {
            RandomRows random = new RandomRows(seed);
            RowType type = random.type(3);
            seeds.add(new Seed(type, List.of(batch(type, random.rows(type, 3)), batch(type, random.rows(type, 12)))));
        }
        List<byte[]> parts =
                seeds.stream().flatMap(seed -> seed.batches().stream()).toList();
        Attack.on("rows", 35, chance -> {
            Seed seed = seeds.get(chance.nextInt(seeds.size()));
            byte[] whole = seed.batches().get(chance.nextInt(seed.batches().size()));
            int count = seed.decoder().load(ByteBuffer.wrap(Mutations.mutated(whole, chance, parts)));
            for (int row = 0; row < Math.min(count, 1_000); row++) {
                assertThat(seed.decoder().row(row).getArity())
                        .isEqualTo(seed.type().getFieldCount());
            }
        });
    }

    private static byte[] batch(RowType type, List<GenericRowData> rows) {
        ArrowEncoder encoder = new ArrowEncoder(type, Integer.MAX_VALUE);
        rows.forEach(encoder::write);
        return ArrowEncoderTest.finish(encoder);
    }
}
