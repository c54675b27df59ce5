package org.dlonflink.failure;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.apache.flink.runtime.operators.coordination.TaskNotRunningException;
import org.apache.flink.runtime.throwable.ThrowableClassifier;
import org.apache.flink.runtime.throwable.ThrowableType;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.util.SerializedThrowable;
import org.junit.jupiter.api.Test;

class FailureExceptionTest {
    private static final FailureException FIRST =
            Failure.of("learner", "it\nraised").where("row 3").exception();

    @Test
    void theInnermostIsFoundThroughFlinksWrappers() {
        Exception outer = Failure.of("worker", "later").exception(new IOException("between", FIRST));
        ObjectNode found = FailureException.find(new SerializedThrowable(new RuntimeException("outer", outer)))
                .orElseThrow();
        assertThat(found.path("code").asText()).isEqualTo("learner");
        assertThat(found.path("what").asText()).isEqualTo("it\nraised");
        assertThat(found.path("got").isNull()).isTrue();
    }

    @Test
    void aMarkThatSomeoneQuotesIsNone() {
        assertThat(FailureException.find(new IOException("dlonflink-error: {broken")))
                .isEmpty();
        assertThat(FailureException.find(new IOException("dlonflink-error: "))).isEmpty();
        assertThat(FailureException.find(new IOException((String) null))).isEmpty();
    }

    /** Flink restarts for what may pass, and not for what comes again. */
    @Test
    void whatComesAgainIsNotTriedAgain() {
        assertThat(lasting(FIRST)).isFalse();
        assertThat(lasting(Failure.of("worker", "exited").exception())).isFalse();
        assertThat(lasting(Failure.of("data", "no number").exception())).isTrue();
        assertThat(lasting(Failure.of("setup", "no python").exception())).isTrue();
        assertThat(lasting(Failure.of("fenced", "a later run").exception())).isTrue();
    }

    /** The source's coordinator met the task that had failed, before its failure was told. */
    @Test
    void whatStandsBehindAConsequence() {
        FailureException own = Failure.of("data", "row 3").exception();
        Exception consequence =
                new SerializedThrowable(new TaskNotRunningException("Task is not running, but in state FAILED"));
        assertThat(FailureException.behind(new IOException("the job", consequence)))
                .isSameAs(own);
        Exception another = new IOException("no such file");
        assertThat(FailureException.behind(another)).isSameAs(another);
        Exception told = new IOException(Failure.of("learner", "it raised").exception());
        assertThat(FailureException.behind(told)).isSameAs(told);
    }

    private static boolean lasting(Exception failure) {
        return ThrowableClassifier.findThrowableOfThrowableType(
                        new RuntimeException(failure), ThrowableType.NonRecoverableError)
                .isPresent();
    }
}
