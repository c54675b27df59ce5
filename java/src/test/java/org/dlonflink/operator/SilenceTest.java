package org.dlonflink.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SilenceTest {
    private static final long LIMIT_MS = 50;

    /** Of two channels the one that nobody reads from is never silent, however long it takes. */
    @Test
    void onlyWhatIsListenedToIsSilent() throws Exception {
        Pipe heard = Pipe.open();
        Pipe unread = Pipe.open();
        Silence listened = new Silence(heard.source());
        Silence ignored = new Silence(unread.source());
        CountDownLatch called = new CountDownLatch(3);
        AtomicInteger wrongly = new AtomicInteger();
        Thread reader = new Thread(() -> {
            try {
                listened.read(ByteBuffer.allocate(1));
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        reader.start();
        ignored.watch(LIMIT_MS, millis -> wrongly.incrementAndGet() > 0);
        listened.watch(LIMIT_MS, millis -> {
            if (millis >= LIMIT_MS) {
                called.countDown();
            }
            return called.getCount() == 0;
        });
        called.await();
        assertThat(wrongly).hasValue(0);
        heard.sink().write(ByteBuffer.allocate(1));
        reader.join();
        ignored.end();
    }

    @Test
    void whatComesBeginsItAnew() throws Exception {
        Pipe pipe = Pipe.open();
        Silence silence = new Silence(pipe.source());
        CompletableFuture<Long> first = new CompletableFuture<>();
        CompletableFuture<Long> next = new CompletableFuture<>();
        CountDownLatch read = new CountDownLatch(1);
        Thread reader = new Thread(() -> {
            try {
                silence.read(ByteBuffer.allocate(1));
                read.countDown();
                silence.read(ByteBuffer.allocate(1));
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        reader.start();
        silence.watch(LIMIT_MS, millis -> {
            if (read.getCount() > 0) {
                first.complete(millis);
                return false;
            }
            return next.complete(millis);
        });
        assertThat(first.get(30, TimeUnit.SECONDS)).isPositive();
        pipe.sink().write(ByteBuffer.allocate(1));
        assertThat(next.get(30, TimeUnit.SECONDS)).isLessThanOrEqualTo(2 * LIMIT_MS / 10);
        pipe.sink().write(ByteBuffer.allocate(1));
        reader.join();
    }
}
