package org.dlonflink.failpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.annotation.Internal;

/**
 * Named points where a test makes a real failure happen; nothing unless the environment says so. Entries are those of
 * failpoints.py; the actions here are {@code throw} and {@code halt}, which ends the JVM as the kernel would.
 */
@Internal
public final class FailPoints {
    private static final String ARMED = System.getenv("DLONFLINK_FAILPOINTS");
    private static final String FOLDER = "DLONFLINK_FAILPOINTS_DIR";
    private static final int KILLED = 137;

    private static final Map<String, AtomicInteger> TIMES = new ConcurrentHashMap<>();

    private FailPoints() {}

    /** A frame is about to go out, or has come: the point {@code flink.TYPE}. */
    public static void frame(Enum<?> type) throws IOException {
        if (ARMED != null) {
            reach("flink." + type);
        }
    }

    /** Does what the environment has armed a point with, if anything. */
    private static void reach(String point) throws IOException {
        int times = TIMES.computeIfAbsent(point, one -> new AtomicInteger()).incrementAndGet();
        for (String entry : ARMED.split(",")) {
            String[] total = entry.strip().split("\\*");
            String[] armed = total[0].split("@");
            boolean now = armed.length == 1 || Integer.parseInt(armed[1]) == times;
            if (now && armed[0].startsWith(point + "=") && (total.length == 1 || claim(armed[0], total[1]))) {
                act(point, armed[0].substring(point.length() + 1));
            }
        }
    }

    /** Whether it may fire once more: whoever makes the file has the right to. */
    private static boolean claim(String armed, String total) {
        for (int number = 0; number < Integer.parseInt(total); number++) {
            Path file = Path.of(System.getenv(FOLDER), armed + "-" + number);
            try {
                Files.writeString(
                        file, Double.toString(System.currentTimeMillis() / 1000.0), StandardOpenOption.CREATE_NEW);
                return true;
            } catch (FileAlreadyExistsException e) {
                // by an earlier firing
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return false;
    }

    private static void act(String point, String action) throws IOException {
        if (action.equals("halt")) {
            Runtime.getRuntime().halt(KILLED);
        }
        throw new IOException("the failpoint " + point);
    }
}
