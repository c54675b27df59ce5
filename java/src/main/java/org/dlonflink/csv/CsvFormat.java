package org.dlonflink.csv;

import java.io.IOException;
import java.util.List;
import javax.annotation.Nullable;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.FileSourceSplit;
import org.apache.flink.connector.file.src.reader.BulkFormat;
import org.apache.flink.connector.file.src.util.CheckpointedPosition;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;
import org.dlonflink.rejects.TextRows;

/**
 * Reads CSV files in batches that know the byte they begin at, so that a restore seeks there instead of reading all that
 * came before. Files are not split: where a line begins cannot be told from its middle, for quotes may hold line ends.
 */
@Internal
public final class CsvFormat implements BulkFormat<RowData, FileSourceSplit> {
    private static final long serialVersionUID = 1L;

    private final CsvColumn[] columns;
    private final int tableColumns;
    private final boolean header;
    private final String nullLiteral;
    private final RowType produced;

    @Nullable
    private final TextRows rejecting;

    /** @throws IllegalArgumentException if a column's type is not read from text (column, type and what to do) */
    CsvFormat(List<CsvColumn> columns, int tableColumns, boolean header, String nullLiteral, RowType produced) {
        columns.forEach(c -> FieldParser.of(c.name(), c.type()));
        this.columns = columns.toArray(CsvColumn[]::new);
        this.tableColumns = tableColumns;
        this.header = header;
        this.nullLiteral = nullLiteral;
        this.produced = produced;
        rejecting = null;
    }

    /**
     * Gives a row that cannot be read as a reject instead of failing.
     *
     * @param all columns of the table
     * @param rows those that are read
     */
    public CsvFormat(RowType all, TextRows rows, boolean header, String nullLiteral) {
        columns = rows.columns().getFields().stream()
                .map(f -> new CsvColumn(f.getName(), all.getFieldIndex(f.getName()), f.getType()))
                .toArray(CsvColumn[]::new);
        tableColumns = all.getFieldCount();
        this.header = header;
        this.nullLiteral = nullLiteral;
        produced = rows.type();
        rejecting = rows;
    }

    @Override
    public Reader<RowData> createReader(Configuration config, FileSourceSplit split) throws IOException {
        return open(split, new CheckpointedPosition(0, 0));
    }

    @Override
    public Reader<RowData> restoreReader(Configuration config, FileSourceSplit split) throws IOException {
        return open(split, split.getReaderPosition().orElse(new CheckpointedPosition(0, 0)));
    }

    private Reader<RowData> open(FileSourceSplit split, CheckpointedPosition position) throws IOException {
        CsvFile file = CsvFile.open(split.path(), columns, tableColumns, header, rejecting != null);
        try {
            file.scanner().seek(position.getOffset());
            CsvReader reader = new CsvReader(file, columns, nullLiteral, rejecting);
            reader.skip(position.getRecordsAfterOffset());
            return reader;
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    @Override
    public boolean isSplittable() {
        return false;
    }

    @Override
    public TypeInformation<RowData> getProducedType() {
        return InternalTypeInfo.of(produced);
    }
}
