package org.dlonflink.worker;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.flink.annotation.Internal;
import org.dlonflink.failure.Failure;

/** A directory of one attempt, closed to other users: for the socket, and for the final snapshot. */
@Internal
public final class SocketDirectory implements AutoCloseable {
    private static final Set<PosixFilePermission> OWNER_ALL = PosixFilePermissions.fromString("rwx------");

    /** The kernel's limit for a socket's path is 108 bytes with its closing zero; the directory's random name has 20. */
    private static final int PATH_BYTES = 107;

    private static final int NAME_BYTES = "/dlonflink-".length() + 20 + "/worker.sock".length();

    private final Path path;

    private SocketDirectory(Path path) {
        this.path = path;
    }

    /** Below the JVM's temporary directory; where its path is too long for a socket, below /tmp. */
    static SocketDirectory create() throws IOException {
        List<Path> parents = List.of(Path.of(System.getProperty("java.io.tmpdir")), Path.of("/tmp"));
        for (Path parent : parents) {
            int length = parent.toAbsolutePath().toString().getBytes(StandardCharsets.UTF_8).length;
            if (length + NAME_BYTES <= PATH_BYTES && Files.isDirectory(parent)) {
                return new SocketDirectory(Files.createTempDirectory(
                        parent.toAbsolutePath(), "dlonflink-", PosixFilePermissions.asFileAttribute(OWNER_ALL)));
            }
        }
        throw Failure.of("setup", "there is no directory for the worker's socket")
                .where("java.io.tmpdir = " + parents.get(0))
                .expected("an existing directory with a path of at most " + (PATH_BYTES - NAME_BYTES) + " bytes")
                .fix("set TMPDIR to a directory with a short path")
                .exception();
    }

    Path socket() {
        return path.resolve("worker.sock");
    }

    public Path file(String name) {
        return path.resolve(name);
    }

    @Override
    public void close() throws IOException {
        if (!Files.exists(path)) {
            return;
        }
        try (Stream<Path> files = Files.walk(path)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
