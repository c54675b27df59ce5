"""Lets good rows through, before anything is cut into batches: what is learned depends on the good rows alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dlonflink.connectors import rejects
from dlonflink.connectors.memory import json_value
from dlonflink.connectors.rejects import Reject, Share
from dlonflink.errors import DataError
from dlonflink.features.faults import Fault, feature_faults, label_faults, time_fault
from dlonflink.training.settings import TrainingPlan


@final
class Judge:
    """Numbers the rows as they came, from 1, and finds those that the pipeline's description does not allow.

    With `plan.rejects` these are kept aside for `take`; without, the first one raises its DataError.
    """

    def __init__(self, plan: TrainingPlan, *, run: str, attempt: int) -> None:
        self._plan = plan
        self._run = run
        self._attempt = attempt
        self._share = Share(plan.rejects, plan.rejects.to) if plan.rejects else None
        self._rows = 0
        self._before = 0  # bad rows that a run with `rejects` has counted, where this one keeps none
        self._rejects: list[Reject] = []

    @property
    def received(self) -> int:
        """Rows that came since the beginning of the stream, over restores: good ones and bad ones."""
        return self._rows

    @property
    def rejected(self) -> int:
        """Since the beginning of the stream, over restores."""
        return self._share.rejected if self._share else self._before

    def good(self, batch: pa.RecordBatch, unreadable: Mapping[int, str]) -> pa.RecordBatch:
        """The good rows of `batch`. `unreadable`: rows that hold a text that is not UTF-8 -> its column.

        Raises DataError for a bad row, naming it, where the plan keeps no rejects; TooManyRejects.
        """
        first, self._rows = self._rows, self._rows + batch.num_rows
        faults = list(self._faults(batch, unreadable))
        bad: NDArray[np.bool_] = np.zeros(batch.num_rows, np.bool_)
        for fault in faults:
            bad |= fault.rows
        rows = [int(row) for row in np.flatnonzero(bad)]
        if self._share is None:
            if rows:
                raise self._error(batch, faults, rows[0], first)
            return batch
        judged = [(row, self._reject(batch, faults, row, first)) for row in rows]
        self._rejects += [reject for _, reject in judged]
        self._share.add(batch.num_rows, judged)
        return batch.filter(pa.array(~bad)) if rows else batch

    def take(self) -> pa.RecordBatch | None:
        """The rejects since the last call, in stream order."""
        taken, self._rejects = self._rejects, []
        return rejects.table(taken, run=self._run, attempt=self._attempt) if taken else None

    def snapshot(self) -> NDArray[np.int64]:
        """Rows that came, and bad ones of them."""
        return np.array([self._rows, self.rejected], np.int64)

    def restore(self, counts: NDArray[np.int64]) -> None:
        """Goes on from what `snapshot` gave. The newest reject is not among it."""
        self._rows = int(counts[0])
        if self._share:
            self._share.seen, self._share.rejected = self._rows, int(counts[1])
        else:
            self._before = int(counts[1])

    def _faults(self, batch: pa.RecordBatch, unreadable: Mapping[int, str]) -> Iterator[Fault]:
        """The first that a row has is the one that is said of it."""
        if unreadable:
            yield _unreadable(batch.num_rows, unreadable)
        if self._plan.event_time is not None:
            yield time_fault(batch, self._plan.event_time)
        for label in self._plan.labels:
            yield from label_faults(batch, label)
        yield from feature_faults(batch, self._plan.features)

    def _error(self, batch: pa.RecordBatch, faults: list[Fault], row: int, first: int) -> DataError:
        error = next(fault for fault in faults if fault.rows[row]).error(row)
        error.where = self._place(batch, row, f"{first + row + 1:,}")
        return error

    def _reject(self, batch: pa.RecordBatch, faults: list[Fault], row: int, first: int) -> Reject:
        fault = next(fault for fault in faults if fault.rows[row])
        error = fault.error(row)
        message = "; ".join([error.what, f"expected {error.expected}"])
        values = {field.name: json_value(batch.column(i)[row]) for i, field in enumerate(batch.schema)}
        data = json.dumps(values, ensure_ascii=False).encode()
        return Reject.of(fault.reason, message, self._place(batch, row, str(first + row + 1)), data)

    def _place(self, batch: pa.RecordBatch, row: int, number: str) -> str:
        said = f"row {number}"
        names = [f"{column}={batch.column(column)[row].as_py()}" for column in self._plan.key]
        return f"{said} (key {', '.join(names)})" if names else said


def _unreadable(size: int, columns: Mapping[int, str]) -> Fault:
    rows = np.zeros(size, np.bool_)
    rows[list(columns)] = True

    def error(row: int) -> DataError:
        return DataError(
            f"column {columns[row]!r} holds a text that is not UTF-8",
            expected="UTF-8",
            fix="declare the column as BYTES, or correct the source",
        )

    return Fault("utf-8", rows, error)
