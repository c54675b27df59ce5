package org.dlonflink.worker;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import jdk.net.ExtendedSocketOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Whose process is at the other end of a socket. */
final class Owner {
    private static final Logger LOG = LoggerFactory.getLogger(Owner.class);

    private Owner() {}

    /**
     * True if the user that connected is the one that {@code directory} belongs to, and where the platform cannot tell: the
     * directory's mode alone keeps others out then.
     */
    static boolean isAt(SocketChannel channel, Path directory) throws IOException {
        UserPrincipal owner = Files.getOwner(directory);
        try {
            UserPrincipal user =
                    channel.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
            if (!user.equals(owner)) {
                LOG.warn("user {} connected to the socket of the worker of {}, and is refused", user, owner);
                return false;
            }
        } catch (UnsupportedOperationException | LinkageError e) {
            LOG.debug("this Java cannot tell who connects: no module jdk.net, or no such option", e);
        }
        return true;
    }
}
