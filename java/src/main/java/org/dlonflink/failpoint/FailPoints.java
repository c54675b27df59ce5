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
        for (String entry : ARMED.split(",")) {
            if (entry.strip().startsWith(point + "=")) {
                reach(point, entry.strip().substring(point.length() + 1));
            }
        }
    }

    private static void reach(String point, String armed) throws IOException {
        String[] total = armed.split("\\*");
        String[] action = total[0].split("@");
        int times = TIMES.computeIfAbsent(point, one -> new AtomicInteger()).incrementAndGet();
        boolean now = action.length == 1 || Integer.parseInt(action[1]) == times;
        if (now && (total.length == 1 || claim(point, Integer.parseInt(total[1])))) {
            act(point, action[0]);
        }
    }

    /** Whether it may fire once more: whoever makes the file has the right to. */
    private static boolean claim(String point, int total) {
        for (int number = 0; number < total; number++) {
            Path file = Path.of(System.getenv(FOLDER), point + "-" + number);
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
