package org.dlonflink.rejects;

import java.util.List;
import org.apache.flink.annotation.Internal;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.VarBinaryType;
import org.apache.flink.table.types.logical.VarCharType;
import org.apache.flink.util.OutputTag;

/** The columns of a reject (contract/README.md, section 4), and the side output that carries them. */
@Internal
public final class Rejects {
    /** The first of {@link #TYPE}, which are known where text is read. */
    static final int TEXT_FIELDS = 4;

    static final String PARSE = "parse";
    static final String EVENT_TIME = "event-time";

    public static final RowType TYPE = new RowType(List.of(
            new RowType.RowField("reason", VarCharType.STRING_TYPE),
            new RowType.RowField("message", VarCharType.STRING_TYPE),
            new RowType.RowField("place", VarCharType.STRING_TYPE),
            new RowType.RowField("bytes", new VarBinaryType(VarBinaryType.MAX_LENGTH)),
            new RowType.RowField("run", VarCharType.STRING_TYPE),
            new RowType.RowField("attempt", new IntType())));

    public static final OutputTag<RowData> TAG = new OutputTag<>("dlonflink-rejects", InternalTypeInfo.of(TYPE));

    private Rejects() {}
}
