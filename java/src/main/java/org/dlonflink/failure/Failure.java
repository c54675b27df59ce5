package org.dlonflink.failure;

import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.dlonflink.json.Json;

/**
 * What a person is told: what happened, where, what was expected and what came, and what to do next. The members, and
 * their JSON, are those of the ERROR frame; the codes are those of {@code dlonflink.errors}.
 */
@Internal
public record Failure(
        String code,
        String what,
        @Nullable String where,
        @Nullable String expected,
        @Nullable String got,
        @Nullable String fix) {

    public static Failure of(String code, String what) {
        return new Failure(code, what, null, null, null, null);
    }

    public Failure where(String text) {
        return new Failure(code, what, text, expected, got, fix);
    }

    public Failure expected(String text) {
        return new Failure(code, what, where, text, got, fix);
    }

    public Failure got(String text) {
        return new Failure(code, what, where, expected, text, fix);
    }

    public Failure fix(String text) {
        return new Failure(code, what, where, expected, got, text);
    }

    public FailureException exception() {
        return exception(null);
    }

    public FailureException exception(@Nullable Throwable cause) {
        return FailureException.of(json(), cause);
    }

    /** Of what comes again however often the job restarts, where the code alone does not say so. */
    public FailureException lasting() {
        return new LastingFailureException(json(), null);
    }

    private ObjectNode json() {
        ObjectNode json = Json.object();
        json.put("code", code);
        json.put("what", what);
        json.put("where", where);
        json.put("expected", expected);
        json.put("got", got);
        json.put("fix", fix);
        json.putNull("traceback");
        return json;
    }
}
