package org.dlonflink.main;

import java.io.IOException;
import java.io.InputStream;
import org.apache.flink.annotation.Internal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends this process when the one that started it is gone, however that went: the kernel closes the pipe to our standard
 * input. Nothing is ever written to it.
 */
@Internal
public final class Lifeline {
    private static final Logger LOG = LoggerFactory.getLogger(Lifeline.class);

    /** As after SIGTERM, whose shutdown hook also runs. */
    private static final int TERMINATED = 143;

    private Lifeline() {}

    public static void watch(InputStream stdin) {
        Thread thread = new Thread(() -> await(stdin), "dlonflink-lifeline");
        thread.setDaemon(true);
        thread.start();
    }

    private static void await(InputStream stdin) {
        try {
            while (stdin.read() >= 0) {
                // Whatever it says: it lives.
            }
        } catch (IOException e) {
            LOG.debug("standard input failed", e);
        }
        LOG.info("standard input has ended: so do we");
        System.exit(TERMINATED);
    }
}
