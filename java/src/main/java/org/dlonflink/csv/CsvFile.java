package org.dlonflink.csv;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.io.compression.InflaterInputStreamFactory;
import org.apache.flink.connector.file.src.compression.StandardDeCompressors;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.Path;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;

/** An open file: where its rows begin, and which of its fields are wanted. */
final class CsvFile implements Closeable {
    private final Path path;
    private final InputStream text;
    private final CsvScanner scanner;
    private int width;
    private int[] places;

    private CsvFile(Path path, InputStream text, boolean keepsRows) {
        this.path = path;
        this.text = text;
        scanner = new CsvScanner(path, text, keepsRows);
    }

    static CsvFile open(Path path, CsvColumn[] columns, int tableColumns, boolean header, boolean keepsRows)
            throws IOException {
        FSDataInputStream raw = path.getFileSystem().open(path);
        try {
            InflaterInputStreamFactory<?> inflater = StandardDeCompressors.getDecompressorForFileName(path.getPath());
            CsvFile file = new CsvFile(path, inflater == null ? raw : inflater.create(raw), keepsRows);
            if (header) {
                file.readHeader(columns);
            } else {
                file.width = tableColumns;
                file.places = new int[columns.length];
                for (int i = 0; i < columns.length; i++) {
                    file.places[i] = columns[i].index();
                }
            }
            return file;
        } catch (IOException | RuntimeException e) {
            raw.close();
            throw e;
        }
    }

    /** A file without a line has no header, and no rows either. */
    private void readHeader(CsvColumn[] columns) throws IOException {
        places = new int[columns.length];
        if (!scanner.next()) {
            return;
        }
        width = scanner.fields();
        List<String> names = new ArrayList<>();
        for (int i = 0; i < width; i++) {
            names.add(scanner.text(i));
        }
        for (int i = 0; i < columns.length; i++) {
            String name = columns[i].name();
            places[i] = names.indexOf(name);
            if (places[i] < 0 || places[i] != names.lastIndexOf(name)) {
                String what = places[i] < 0 ? "is not in the file" : "is in the file more than once";
                throw Failure.of("schema", "column '" + name + "' " + what)
                        .where(path + ", first line")
                        .expected("one column of that name")
                        .got(String.join(", ", names))
                        .fix("correct the name, or set header to false if the first line is a row")
                        .exception();
            }
        }
    }

    static FailureException malformed(Path path, long place, String expected, String got) {
        return Failure.of("data", "the file is not CSV")
                .where(path + ", byte " + place)
                .expected(expected)
                .got(got)
                .fix("correct the file, or copy it again, whole")
                .exception();
    }

    CsvScanner scanner() {
        return scanner;
    }

    Path path() {
        return path;
    }

    /** Fields that each row must have. */
    int width() {
        return width;
    }

    /** For each column that is read, the index of its field. */
    int[] places() {
        return places;
    }

    @Override
    public void close() throws IOException {
        text.close();
    }
}
