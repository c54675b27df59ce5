package org.dlonflink.csv;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.annotation.Nullable;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.src.util.ArrayResultIterator;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.rejects.TextRows;

/** Reads the rows of one file. */
final class CsvReader implements BulkFormat.Reader<RowData> {
    private static final int BATCH_ROWS = 1_024;
    private static final int SHOWN_CHARACTERS = 100;

    private final CsvFile file;
    private final CsvScanner scanner;
    private final CsvColumn[] columns;
    private final int[] places;
    private final FieldParser[] parsers;
    private final byte[] nullLiteral;

    @Nullable
    private final TextRows rejecting;

    /** @param rejecting makes rejects of rows that cannot be read; null: the first one fails */
    CsvReader(CsvFile file, CsvColumn[] columns, String nullLiteral, @Nullable TextRows rejecting) {
        this.rejecting = rejecting;
        this.file = file;
        this.columns = columns;
        this.nullLiteral = nullLiteral.getBytes(StandardCharsets.UTF_8);
        scanner = file.scanner();
        places = file.places();
        parsers = Arrays.stream(columns)
                .map(c -> FieldParser.of(c.name(), c.type()))
                .toArray(FieldParser[]::new);
    }

    /** Passes over rows that were read before a restore. */
    void skip(long rows) throws IOException {
        for (long i = 0; i < rows; i++) {
            next();
        }
    }

    @Override
    @Nullable
    public BulkFormat.RecordIterator<RowData> readBatch() throws IOException {
        long offset = scanner.offset();
        RowData[] rows = new RowData[BATCH_ROWS];
        int n = 0;
        for (RowData row = next(); row != null; row = n < BATCH_ROWS ? next() : null) {
            rows[n++] = row;
        }
        if (n == 0) {
            return null;
        }
        ArrayResultIterator<RowData> batch = new ArrayResultIterator<>();
        batch.set(rows, n, offset, 0);
        return batch;
    }

    @Nullable
    private RowData next() throws IOException {
        if (rejecting == null) {
            return scanner.next() ? row(columns.length) : null;
        }
        try {
            if (!scanner.next()) {
                return null;
            }
        } catch (FailureException e) {
            if (!scanner.recover()) {
                throw e;
            }
            return rejecting.reject(e, file.path(), scanner.rowOffset(), scanner.row());
        }
        try {
            return rejecting.complete(row(rejecting.arity()));
        } catch (FailureException e) {
            return rejecting.reject(e, file.path(), scanner.rowOffset(), scanner.row());
        }
    }

    /** @param arity fields of the row, of which those beyond the columns stay empty */
    private GenericRowData row(int arity) throws FailureException {
        if (scanner.fields() != file.width()) {
            throw Failure.of("data", "a row has another number of fields than the file has columns")
                    .where(place())
                    .expected(String.valueOf(file.width()))
                    .got(scanner.fields() + ": " + shown(scanner.text(0)) + ", ...")
                    .exception();
        }
        GenericRowData row = new GenericRowData(arity);
        for (int i = 0; i < columns.length; i++) {
            row.setField(i, value(i));
        }
        return row;
    }

    @Nullable
    private Object value(int column) throws FailureException {
        int start = scanner.start(places[column]);
        int end = scanner.end(places[column]);
        byte[] block = scanner.block();
        if (end - start == nullLiteral.length && Arrays.equals(block, start, end, nullLiteral, 0, nullLiteral.length)) {
            if (!columns[column].type().isNullable()) {
                throw refusal(column, "the column is NOT NULL");
            }
            return null;
        }
        try {
            return parsers[column].parse(block, start, end);
        } catch (FieldException e) {
            throw refusal(column, e.getMessage());
        }
    }

    private FailureException refusal(int column, String expected) {
        return Failure.of("data", "column '" + columns[column].name() + "' does not hold what its type says")
                .where(place())
                .expected(columns[column].type().asSummaryString() + ": " + expected)
                .got("'" + shown(scanner.text(places[column])) + "'")
                .fix("correct the file, or declare the column as STRING and use TRY_CAST in the query")
                .exception();
    }

    private String place() {
        return file.path() + ", row at byte " + scanner.rowOffset();
    }

    private static String shown(String text) {
        return text.length() <= SHOWN_CHARACTERS ? text : text.substring(0, SHOWN_CHARACTERS) + "...";
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
