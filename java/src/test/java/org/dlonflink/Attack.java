package org.dlonflink;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.EOFException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.Random;
import org.dlonflink.arrow.CorruptFrameException;
import org.dlonflink.failure.FailureException;

/**
 * Runs a reader on many mutants: each is read, or refused by an exception that is declared; in bounded memory, and within
 * a second of processor time. {@code -Dfuzz.mutants=N} says how many all attacks have together, {@code -Dfuzz.seed=N} which.
 */
public final class Attack {
    private static final int MUTANTS = Integer.getInteger("fuzz.mutants", 100_000);
    private static final long SEED = Long.getLong("fuzz.seed", 20260101L);
    private static final long CPU_NANOS = 1_000_000_000L;

    /** Of one mutant: what {@code 2^24} values of no bytes take, and as much again. */
    private static final long ALLOCATED = 512L << 20;

    private static final ThreadMXBean THREAD = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private Attack() {}

    /** Reads one mutant, made by {@code chance} alone. */
    public interface Reader {
        void read(Random chance) throws IOException, InterruptedException;
    }

    /** @param percent share of all mutants */
    public static void on(String name, int percent, Reader reader) {
        int mutants = (int) ((long) MUTANTS * percent / 100);
        int refused = 0;
        long slowest = 0;
        long largest = 0;
        for (int index = 0; index < mutants; index++) {
            String which = name + ", mutant " + index + ": -Dfuzz.seed=" + SEED;
            long cpu = THREAD.getCurrentThreadCpuTime();
            long allocated = THREAD.getCurrentThreadAllocatedBytes();
            try {
                reader.read(new Random(SEED << 32 ^ index * 0x9E3779B97F4A7C15L));
            } catch (FailureException | CorruptFrameException e) {
                assertThat(e.getMessage()).as(which).isNotBlank().hasSizeLessThan(10_000);
                refused++;
            } catch (EOFException cut) {
                refused++; // the socket's end, which ends the worker
            } catch (Throwable found) {
                throw new AssertionError(which, found);
            }
            slowest = Math.max(slowest, THREAD.getCurrentThreadCpuTime() - cpu);
            largest = Math.max(largest, THREAD.getCurrentThreadAllocatedBytes() - allocated);
            assertThat(slowest).as(which).isLessThan(CPU_NANOS);
            assertThat(largest).as(which).isLessThan(ALLOCATED);
        }
        System.out.printf(
                "%s: %d mutants, %d refused, slowest %d ms, largest %d MiB%n",
                name, mutants, refused, slowest / 1_000_000, largest >> 20);
        assertThat(refused)
                .as(name + ": a fuzzer that nobody refuses has lost its aim")
                .isPositive();
    }
}
