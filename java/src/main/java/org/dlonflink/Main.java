package org.dlonflink;

/** Placeholder until the job is there. */
public final class Main {
    private Main() {}
}
