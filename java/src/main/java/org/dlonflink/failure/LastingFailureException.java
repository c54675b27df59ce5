package org.dlonflink.failure;

import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.runtime.throwable.ThrowableAnnotation;
import org.apache.flink.runtime.throwable.ThrowableType;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/** A failure that comes again however often the job restarts: Flink, seeing the annotation, fails it at once. */
@Internal
@ThrowableAnnotation(ThrowableType.NonRecoverableError)
public final class LastingFailureException extends FailureException {
    private static final long serialVersionUID = 1L;

    LastingFailureException(ObjectNode error, @Nullable Throwable cause) {
        super(error, cause);
    }
}
