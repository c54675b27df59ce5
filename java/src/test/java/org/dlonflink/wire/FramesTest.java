package org.dlonflink.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.dlonflink.failure.FailureException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FramesTest {
    private static final int CAP = 1 << 22;

    private static Frame read(byte[] bytes) throws IOException {
        return new FrameReader(Channels.newChannel(new ByteArrayInputStream(bytes)), CAP).read();
    }

    private static byte[] frame(int type, int flags, int zero, long length, int payload) {
        ByteBuffer frame = ByteBuffer.allocate(8 + payload).order(ByteOrder.LITTLE_ENDIAN);
        frame.put((byte) type).put((byte) flags).putShort((short) zero).putInt((int) length);
        return frame.array();
    }

    /** The writer's frames as the socket carries them, both ways at once: larger than the socket's buffer. */
    @Test
    void writesAndReadsThroughOneSocketAtOnce(@TempDir Path directory) throws Exception {
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("s"));
        byte[] large = new byte[3 << 20];
        new Random(1).nextBytes(large);
        try (ServerSocketChannel server =
                        ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(address);
                SocketChannel client = SocketChannel.open(address);
                SocketChannel accepted = server.accept();
                FrameWriter writer = new FrameWriter(accepted, CAP, "test-writer", e -> {})) {
            CompletableFuture<Frame> scored = CompletableFuture.supplyAsync(() -> {
                try {
                    return new FrameReader(accepted, CAP).read();
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });
            writer.send(FrameType.RESTORE, 0, large, large.length);
            writer.send(FrameType.RESTORE, FrameType.FLAG_LAST, new byte[32], 32);
            writer.send(FrameType.BARRIER, 7);
            writer.send(FrameType.END, writer.buffer());
            ByteBuffer reply = ByteBuffer.wrap(frame(34, 0, 0, large.length, large.length));
            reply.put(8, large);
            while (reply.hasRemaining()) {
                client.write(reply);
            }
            assertThat(scored.get(20, TimeUnit.SECONDS).remaining()).isEqualTo(large);
            assertThat(take(client, 8)).isEqualTo(frame(2, 0, 0, large.length, 0));
            assertThat(take(client, large.length)).isEqualTo(large);
            assertThat(take(client, 8 + 32)).isEqualTo(frame(2, 1, 0, 32, 32));
            assertThat(take(client, 16)).isEqualTo(new byte[] {4, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0});
            assertThat(take(client, 8)).isEqualTo(frame(8, 0, 0, 0, 0));
        }
    }

    private static byte[] take(SocketChannel channel, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        while (bytes.hasRemaining()) {
            channel.read(bytes);
        }
        return bytes.array();
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0, 8",
        "3, 0, 0, 8",
        "255, 0, 0, 8",
        "46, 0, 0, 8", // no type that the worker sends
        "36, 1, 0, 8",
        "36, 0, 1, 8",
        "36, 0, 65535, 8", // flags, zero
        "36, 0, 0, 7",
        "36, 0, 0, 9",
        "35, 0, 0, 8",
        "38, 0, 0, 47",
        "40, 0, 0, 0",
        "45, 0, 0, 0",
        "37, 0, 0, 7", // lengths of the type
        "37, 0, 0, 1048585",
        "34, 0, 0, 4194305",
        "34, 0, 0, 4294967295" // too long: refused before it is allocated
    })
    void refusesAHeader(int type, int flags, int zero, long length) {
        assertThatThrownBy(() -> read(frame(type, flags, zero, length, 16)))
                .isInstanceOf(FailureException.class)
                .hasMessageContaining("\"code\":\"protocol\"");
    }

    @Test
    void tellsAnEndBetweenFramesFromOneWithin() throws IOException {
        assertThat(read(new byte[0])).isNull();
        assertThatThrownBy(() -> read(new byte[] {36, 0, 0})).isInstanceOf(EOFException.class);
        assertThatThrownBy(() -> read(frame(36, 0, 0, 8, 3))).isInstanceOf(EOFException.class);
    }

    /** Whatever comes: a frame, the end, or one of the two refusals. */
    @Test
    void randomBytesAreNeverAnotherFailure() {
        Random random = new Random(5);
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = new byte[random.nextInt(64)];
            random.nextBytes(bytes);
            if (bytes.length > 4 && random.nextBoolean()) {
                bytes[0] = (byte) (33 + random.nextInt(13));
                bytes[1] = bytes[2] = bytes[3] = 0;
            }
            try {
                read(bytes);
            } catch (FailureException | EOFException e) {
                assertThat(e).hasMessageNotContaining("null pointer");
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }
    }

    @Test
    void aFrameAboveTheCapIsNotSent() {
        WritableByteChannel nowhere = Channels.newChannel(java.io.OutputStream.nullOutputStream());
        try (FrameWriter writer = new FrameWriter(nowhere, 100, "test-writer", e -> {})) {
            assertThatThrownBy(() -> writer.send(FrameType.BATCH, 0, new byte[101], 101))
                    .isInstanceOf(FailureException.class)
                    .hasMessageContaining("at most 100 bytes");
        }
    }

    /** A broken pipe is told once; what is sent after it is dropped, and nobody waits. */
    @Test
    void aBrokenChannelStopsNobody() throws Exception {
        CompletableFuture<IOException> told = new CompletableFuture<>();
        WritableByteChannel broken = new WritableByteChannel() {
            @Override
            public int write(ByteBuffer bytes) throws IOException {
                throw new IOException("Broken pipe");
            }

            @Override
            public boolean isOpen() {
                return true;
            }

            @Override
            public void close() {}
        };
        try (FrameWriter writer = new FrameWriter(broken, CAP, "test-writer", told::complete)) {
            writer.send(FrameType.BARRIER, 1);
            assertThat(told.get(20, TimeUnit.SECONDS)).hasMessage("Broken pipe");
            byte[] text = "x".getBytes(StandardCharsets.UTF_8);
            for (int i = 0; i < 1_000; i++) {
                writer.send(FrameType.RESTORE, 0, text, text.length);
            }
        }
    }
}
