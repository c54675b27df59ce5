package org.dlonflink.main;

import java.util.Locale;

/** How far a run came; said when it fails. */
enum Stage {
    PLAN,
    CLUSTER,
    SQL,
    JOB;

    String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
