"""One step: encode, learn (which scores first), evaluate."""

from __future__ import annotations

import time
import traceback
from typing import Any, final

import numpy as np
import pyarrow as pa

from dlonflink import failpoints
from dlonflink.errors import DLOnFlinkError, LearnerError
from dlonflink.evaluation.evaluator import Evaluator
from dlonflink.features.batch import Batch, Float, Truth
from dlonflink.features.encode import Encoder
from dlonflink.features.labels import truth
from dlonflink.learners.base import Learner
from dlonflink.learners.settings import user_code
from dlonflink.training.effort import Effort
from dlonflink.training.settings import TrainingPlan


@final
class Step:
    """Takes whole batches of good rows, as they were cut, one at a time. Errors name rows by their number, from 1."""

    def __init__(self, plan: TrainingPlan, encoder: Encoder, learner: Learner, evaluator: Evaluator) -> None:
        self._plan = plan
        self._encoder = encoder
        self._learner = learner
        self._evaluator = evaluator
        self.effort = Effort()
        self._name = f"learner {user_code(plan.learner) or f'{plan.learner.type} (built in)'}"

    def take(self, rows: pa.RecordBatch) -> tuple[Float, Truth]:
        """Scores of `rows` as they were before these rows were learned, and what came true.

        Raises LearnerError when the learner fails.
        """
        first = self._evaluator.rows
        begun = time.perf_counter()
        batch = self._encoder.encode(rows, self._plan.event_time)
        came_true = truth(rows, self._plan.labels)
        encoded = time.perf_counter()
        try:
            failpoints.reach("learner.learn")
            scores = self._learner.learn(batch, came_true)
        except DLOnFlinkError as error:
            error.where = error.where or self._place(rows, first)
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            # The last two would end the process without a word, or with one that names no row.
            raise LearnerError(
                f"the learner {_did(error)}",
                where=self._place(rows, first),
                fix="correct the learner and go on with --resume; --debug shows its stack",
                trace=traceback.format_exc(),
            ) from error
        self.effort.add(encode=encoded - begun, learn=time.perf_counter() - encoded)
        self._check(scores, batch, self._place(rows, first))
        self._evaluator.update(scores, came_true, batch.event_time)
        failpoints.reach("learner.learned")
        return scores, came_true

    def _check(self, scores: Float, batch: Batch, place: str) -> None:
        """What the evaluator does not: it judges the values of a float32 array. The learner may return anything."""
        given: Any = scores
        shape = (batch.size, len(self._plan.labels))
        kind = type(given).__name__
        if isinstance(given, np.ndarray):
            if scores.dtype == np.float32 and scores.shape == shape:
                return
            kind = f"{scores.dtype}{list(scores.shape)}"
        raise LearnerError(
            "the learner returned something else than a score for each row and label",
            where=place,
            expected=f"a numpy array float32{list(shape)}",
            got=kind,
            fix="return probabilities from learn, e.g. scores.astype(np.float32).reshape(-1, 1)",
        )

    def _place(self, rows: pa.RecordBatch, first: int) -> str:
        key = ", ".join(f"{name}={rows.column(name)[0].as_py()}" for name in self._plan.key)
        begin = f" (the first: {key})" if key else ""
        return f"{self._name}, rows {first + 1:,} to {first + rows.num_rows:,}{begin}"


def _did(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r})"
    if isinstance(error, KeyboardInterrupt):
        return "was interrupted (SIGINT, or a KeyboardInterrupt of its own)"
    return f"raised {type(error).__name__}: {error}"
