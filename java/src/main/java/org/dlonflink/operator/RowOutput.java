package org.dlonflink.operator;

import java.io.IOException;
import java.util.function.Consumer;
import org.apache.flink.streaming.api.operators.Output;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;
import org.dlonflink.arrow.ArrowDecoder;
import org.dlonflink.arrow.CorruptFrameException;
import org.dlonflink.failure.Failure;
import org.dlonflink.failure.FailureException;
import org.dlonflink.rejects.Rejects;
import org.dlonflink.wire.Frame;

/** Turns SCORED frames into the operator's output, and REJECT frames into its side output; used by the mailbox alone. */
final class RowOutput {
    private final RowType scored;
    private final ArrowDecoder scoredRows;
    private final ArrowDecoder rejects = new ArrowDecoder(Rejects.TYPE);
    private final StreamRecord<RowData> element = new StreamRecord<>(null);

    RowOutput(RowType scored) {
        this.scored = scored;
        scoredRows = new ArrowDecoder(scored);
    }

    /**
     * Emits the rows of a frame; how many.
     *
     * @throws FailureException (code protocol) if they are not of their type
     */
    int scored(Frame frame, Output<StreamRecord<RowData>> output) throws IOException {
        return emit(frame, scored, scoredRows, output::collect);
    }

    /** As {@link #scored}. */
    void rejected(Frame frame, Output<StreamRecord<RowData>> output) throws IOException {
        emit(frame, Rejects.TYPE, rejects, row -> output.collect(Rejects.TAG, row));
    }

    private int emit(Frame frame, RowType type, ArrowDecoder decoder, Consumer<StreamRecord<RowData>> output)
            throws IOException {
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
