package org.dlonflink.rejects;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.annotation.Internal;
import org.apache.flink.core.fs.Path;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.types.logical.RowType;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;

/**
 * The rows that a reader of text makes where bad ones are kept: the columns that are read, and behind them one that is
 * NULL in a good row, and in a bad one says what is wrong with it, and holds its bytes.
 */
@Internal
public final class TextRows implements Serializable {
    private static final long serialVersionUID = 1L;

    /** Of a record without an end, such as one with an unclosed quote, the beginning tells. */
    private static final int KEPT_BYTES = 1 << 16;

    /** No name that people give. */
    private static final String REJECT = "dlonflink-reject";

    private final RowType columns;
    private final int eventTime;

    /** @param eventTime the column among them that no row may lack; -1: there is none */
    public TextRows(RowType columns, int eventTime) {
        this.columns = columns;
        this.eventTime = eventTime;
    }

    /** Those that are read. */
    public RowType columns() {
        return columns;
    }

    public int arity() {
        return columns.getFieldCount() + 1;
    }

    /** A bad row has no value, whatever the columns demand. */
    public RowType type() {
        List<RowType.RowField> fields = new ArrayList<>();
        for (RowType.RowField field : columns.getFields()) {
            fields.add(new RowType.RowField(field.getName(), field.getType().copy(true)));
        }
        fields.add(new RowType.RowField(
                REJECT, new RowType(Rejects.TYPE.getFields().subList(0, Rejects.TEXT_FIELDS))));
        return new RowType(fields);
    }

    /** The row, or a failure that says what it lacks. */
    public RowData complete(GenericRowData row) throws FailureException {
        if (eventTime >= 0 && row.isNullAt(eventTime)) {
            throw Failure.of(
                            Rejects.EVENT_TIME,
                            "column '" + columns.getFieldNames().get(eventTime) + "' is the event time and NULL")
                    .expected(columns.getTypeAt(eventTime).asSummaryString())
                    .exception();
        }
        return row;
    }

    /** A row in the place of the record of {@code bytes}, which begins at the byte {@code offset} of the file's text. */
    public RowData reject(FailureException failure, Path file, long offset, byte[] bytes) {
        ObjectNode said = FailureException.find(failure).orElseThrow();
        StringBuilder message = new StringBuilder(said.path("what").asText());
        for (String part : List.of("expected", "got")) {
            if (said.path(part).isTextual()) {
                message.append("; ")
                        .append(part)
                        .append(' ')
                        .append(said.path(part).asText());
            }
        }
        byte[] kept = bytes;
        if (bytes.length > KEPT_BYTES) {
            message.append("; the first " + KEPT_BYTES + " of " + bytes.length + " bytes are kept");
            kept = Arrays.copyOf(bytes, KEPT_BYTES);
        }
        boolean late = said.path("code").asText().equals(Rejects.EVENT_TIME);
        GenericRowData row = new GenericRowData(arity());
        row.setField(
                columns.getFieldCount(),
                GenericRowData.of(
                        StringData.fromString(late ? Rejects.EVENT_TIME : Rejects.PARSE),
                        StringData.fromString(message.toString()),
                        StringData.fromString(shown(file) + ":" + offset),
                        kept));
        return row;
    }

    /** As a person writes it: a local file without its scheme. */
    static String shown(Path file) {
        return "file".equals(file.toUri().getScheme()) ? file.getPath() : file.toString();
    }
}
