package org.dlonflink;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.flink.annotation.PublicEvolving;
import org.dlonflink.main.Events;
import org.dlonflink.main.JobRun;
import org.dlonflink.main.Lifeline;
import org.dlonflink.secret.Redaction;

/**
 * Runs one pipeline: {@code org.dlonflink.Main PLAN.json}. Events go to standard output, one JSON object a line, all else
 * to standard error; the process ends when its standard input does (contract/README.md, section 1).
 */
@PublicEvolving
public final class Main {
    private static final int USAGE = 2;

    private Main() {}

    public static void main(String[] args) {
        PrintStream events = System.out;
        // Before any other class is loaded: a print sink and a logger take what they find.
        System.setErr(new PrintStream(Redaction.stream(System.err), true, StandardCharsets.UTF_8));
        System.setOut(System.err);
        if (args.length != 1) {
            System.err.println("usage: org.dlonflink.Main PLAN.json");
            System.exit(USAGE);
        }
        JobRun run = new JobRun(new Events(events));
        Runtime.getRuntime().addShutdownHook(new Thread(run::stop, "dlonflink-stop"));
        Lifeline.watch(System.in);
        System.exit(run.run(Path.of(args[0])));
    }
}
