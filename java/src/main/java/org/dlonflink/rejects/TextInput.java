package org.dlonflink.rejects;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.ZipException;
import org.apache.flink.annotation.Internal;
import org.apache.flink.core.fs.Path;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;

/** Reads the bytes of a file of text. */
@Internal
public final class TextInput {
    private TextInput() {}

    /**
     * Fills the block from {@code start} on; how many bytes there were, fewer than the block has room for only at the end.
     *
     * @throws FailureException (code data) if a compressed file is cut off or damaged
     */
    public static int fill(Path path, InputStream in, byte[] block, int start) throws IOException {
        try {
            return in.readNBytes(block, start, block.length - start);
        } catch (EOFException | ZipException e) {
            throw Failure.of("data", "the file cannot be read to its end")
                    .where(path.toString())
                    .got(e.getMessage())
                    .fix("copy it again, whole")
                    .exception(e);
        }
    }
}
