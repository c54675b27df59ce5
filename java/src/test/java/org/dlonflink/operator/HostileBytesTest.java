package org.dlonflink.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.dlonflink.Attack;
import org.dlonflink.Mutations;
import org.dlonflink.failure.FailureException;
import org.dlonflink.json.Json;
import org.dlonflink.wire.Frame;
import org.dlonflink.wire.FrameReader;
import org.dlonflink.wire.FrameType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever a worker sends, or a disk gives back. Its rows are HostileRowsTest's, Python's half is tests/test_fuzz.py. */
class HostileBytesTest {
    private static final int CAP = 1 << 22;
    private static final int FLIPS = 1_000;
    private static final String FRAMES = "../contract/golden/frames.json";

    @TempDir
    private Path directory;

    private static List<byte[]> golden() throws IOException {
        List<byte[]> frames = new ArrayList<>();
        String text = Files.readString(Path.of(FRAMES));
        for (JsonNode one : Json.parseObject("{\"frames\":" + text + "}").get("frames")) {
            if (one.get("to").asText().equals("flink")) {
                frames.add(HexFormat.of().parseHex(one.get("frame").asText()));
            }
        }
        return frames;
    }

    /** Headers, numbers, JSON documents, chunks and digests, as the operator takes them. */
    @Test
    void frames() throws IOException {
        List<byte[]> seeds = golden();
        Attack.on("frames", 50, chance -> {
            byte[] bytes = seeds.get(chance.nextInt(seeds.size()));
            bytes = Mutations.mutated(bytes, chance, seeds);
            FrameReader reader = new FrameReader(Channels.newChannel(new ByteArrayInputStream(bytes)), CAP);
            SnapshotTransfer snapshots = new SnapshotTransfer(new FinalSnapshot(directory.resolve("final")));
            for (Frame frame = reader.read(); frame != null; frame = reader.read()) {
                take(frame, snapshots);
            }
        });
    }

    private static void take(Frame frame, SnapshotTransfer snapshots) throws IOException, InterruptedException {
        switch (frame.type()) {
            case READY, VERSION, FINISHED, METRICS -> {
                String said = Json.write(frame.json());
                assertThat(Json.write(Json.parseObject(said))).isEqualTo(said);
            }
            case ERROR -> FailureException.of(frame.json(), null);
            case SNAPSHOT -> {
                if (frame.payload().getLong(0) != SnapshotTransfer.FINAL) { // that one is a file
                    snapshots.chunk(frame);
                }
            }
            case DURABLE -> snapshots.durable(frame);
            default -> assertThat(frame.payload().limit()).isLessThanOrEqualTo(CAP);
        }
    }

    /** Right frames in a wrong order: what is let through keeps model and stream one. */
    @Test
    void order() {
        Attack.on("order", 2, chance -> {
            Conversation conversation = new Conversation();
            Books books = new Books();
            conversation.received(frame(FrameType.READY, "{}".getBytes()));
            for (int i = 0; i < 40; i++) {
                long number = chance.nextInt(8) - 1L;
                if (chance.nextInt(3) == 0) {
                    FrameType[] ours = {FrameType.BARRIER, FrameType.COMMIT, FrameType.WATERMARK, FrameType.BATCH};
                    FrameType type = chance.nextInt(20) == 0 ? FrameType.END : ours[chance.nextInt(ours.length)];
                    conversation.sent(type, number);
                    books.sent(type, number);
                    continue;
                }
                Frame frame = said(chance, number);
                try {
                    conversation.received(frame);
                    books.received(frame.type(), number);
                } catch (FailureException refused) {
                    // The task would have ended here; nothing of the frame was believed, so the attack goes on.
                    assertThat(refused.getMessage()).contains("out of order");
                }
            }
            conversation.received(frame(FrameType.READY, "{}".getBytes()));
        });
    }

    private static Frame said(Random chance, long number) {
        FrameType[] types = {
            FrameType.ALIGNED,
            FrameType.SNAPSHOT,
            FrameType.DURABLE,
            FrameType.VERSION,
            FrameType.WATERMARK_OUT,
            FrameType.FINISHED,
            FrameType.CREDIT
        };
        FrameType type = types[chance.nextInt(types.length)];
        return switch (type) {
            case VERSION -> frame(type, ("{\"checkpoint\":" + number + "}").getBytes());
            case FINISHED -> frame(type, "{}".getBytes());
            case CREDIT -> frame(type, new byte[] {(byte) number, (byte) (number >> 8), 0, (byte) (number >> 24)});
            default -> new Frame(type, little(56).putLong(0, number));
        };
    }

    private static Frame frame(FrameType type, byte[] payload) {
        return new Frame(type, ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN));
    }

    private static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** What must hold of the frames that were let through, counted apart from the code under attack. */
    private static final class Books {
        private final TreeSet<Long> barriers = new TreeSet<>();
        private final TreeSet<Long> aligned = new TreeSet<>();
        private final TreeSet<Long> commits = new TreeSet<>();
        private long watermark = Long.MIN_VALUE;
        private boolean ended;
        private boolean last;

        void sent(FrameType type, long number) {
            switch (type) {
                case BARRIER -> barriers.add(number);
                case COMMIT -> commits.add(number);
                case WATERMARK -> watermark = number;
                case END -> ended = true;
                default -> {}
            }
        }

        void received(FrameType type, long number) {
            switch (type) {
                case ALIGNED -> {
                    assertThat(barriers).contains(number);
                    aligned.add(number);
                }
                case SNAPSHOT ->
                    assertThat(number == SnapshotTransfer.FINAL ? ended : aligned.contains(number))
                            .isTrue();
                case DURABLE -> {
                    assertThat(number == SnapshotTransfer.FINAL ? ended : aligned.contains(number))
                            .isTrue();
                    last |= number == SnapshotTransfer.FINAL;
                }
                case VERSION -> assertThat(commits).contains(number);
                case WATERMARK_OUT -> assertThat(number).isLessThanOrEqualTo(watermark);
                case FINISHED -> assertThat(last).isTrue();
                default -> {}
            }
        }
    }

    /** In Flink's state: the format, its chunks, the digest behind them. */
    @Test
    void snapshots() throws Exception {
        List<byte[]> seeds = new ArrayList<>();
        for (int size : new int[] {0, 1, 40, 300}) {
            seeds.add(written(size));
        }
        Attack.on("snapshots", 13, chance -> {
            byte[] whole = seeds.get(chance.nextInt(seeds.size()));
            byte[] bytes = Mutations.mutated(whole, chance, seeds);
            ByteArrayOutputStream read = new ByteArrayOutputStream();
            SnapshotFormat.read(new ByteArrayInputStream(bytes), into(read));
            // What was believed is a whole snapshot: one of the seeds, whatever stands behind it.
            assertThat(seeds).anySatisfy(seed -> assertThat(bytes).startsWith(seed));
        });
    }

    @Test
    void everyFlippedBitOfASnapshotIsFound() throws Exception {
        byte[] whole = written(10_000);
        for (int index = 0; index < FLIPS; index++) {
            byte[] bytes = Mutations.flipped(whole, new Random(index));
            assertThatThrownBy(() ->
                            SnapshotFormat.read(new ByteArrayInputStream(bytes), into(new ByteArrayOutputStream())))
                    .as("flip %d", index)
                    .isInstanceOf(FailureException.class)
                    .hasMessageMatching("(?s).*\"code\":\"(corruption|resume)\".*");
        }
    }

    private static SnapshotFormat.Sink into(ByteArrayOutputStream read) {
        return new SnapshotFormat.Sink() {
            @Override
            public void chunk(byte[] bytes, int length) {
                read.write(bytes, 0, length);
            }

            @Override
            public void end(byte[] digest) {
                assertThat(digest).hasSize(32);
            }
        };
    }

    private static byte[] written(int size) throws Exception {
        byte[] data = new byte[size];
        new Random(size).nextBytes(data);
        ChunkQueue queue = new ChunkQueue(chunks -> {});
        for (int start = 0; start < size; start += 1_000) {
            queue.put(Arrays.copyOfRange(data, start, Math.min(size, start + 1_000)));
        }
        queue.end(new ChunkSource.Durable(
                size, MessageDigest.getInstance("SHA-256").digest(data)));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SnapshotFormat.write(queue, out);
        return out.toByteArray();
    }
}
