package org.dlonflink.operator;

import java.io.IOException;
import java.util.function.Consumer;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;
import org.dlonflink.arrow.ArrowDecoder;
import org.dlonflink.arrow.CorruptFrameException;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.wire.Frame;

/** Turns SCORED and REJECT frames into the operator's output; used by the mailbox alone. */
final class ScoredRows {
    private final RowType type;
    private final ArrowDecoder decoder;
    private final StreamRecord<RowData> element = new StreamRecord<>(null);

    ScoredRows(RowType type) {
        this.type = type;
        decoder = new ArrowDecoder(type);
    }

    /**
     * Emits the rows of a frame; how many.
     *
     * @throws FailureException (code protocol) if they are not of their type
     */
    int emit(Frame frame, Consumer<StreamRecord<RowData>> output) throws IOException {
        try {
            int rows = decoder.load(frame.payload());
            for (int i = 0; i < rows; i++) {
                output.accept(element.replace(decoder.row(i)));
            }
            return rows;
        } catch (CorruptFrameException e) {
            throw Failure.of("protocol", "the worker sent rows that are not of their type")
                    .where("a " + frame.type() + " frame")
                    .expected(type.asSummaryString())
                    .got(e.getMessage())
                    .exception(e);
        }
    }
}
