"""Any torch module over the embedding table."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from dlonflink.errors import LearnerError
from dlonflink.features.batch import Batch, Float, Truth
from dlonflink.learners.base import Inputs, Learner, Snapshot
from dlonflink.learners.pytorch import module as modules
from dlonflink.learners.pytorch import optimizer as optimizers
from dlonflink.learners.pytorch.calls import Calls
from dlonflink.learners.pytorch.inputs import TorchBatch, TorchInputs
from dlonflink.learners.settings import Torch

_OPTIMIZER = "optimizer/"


@final
class TorchLearner(Learner):
    """Minimizes the log loss, weighted by the rows, of the logits that the module gives.

    One update is one step of the optimizer by the gradient of the batch's *mean* loss, for that is what the step sizes
    of torch's optimizers are used to, and one step of the table's by the gradient of the *sum*: an ID is in one row of
    a batch or in a few, and the mean would shrink its step by all the rows that it is not in.

    A batch is scored by a forward of its own, in inference mode, on the rows that the update then learns from. That
    costs a forward without gradients; nothing short of it knows that a module behaves alike in both modes.
    """

    def __init__(self, inputs: Inputs, settings: Torch) -> None:
        """PipelineError where the module is not there, takes other arguments, or has nothing to learn."""
        self._tables = inputs.tables
        self._labels = inputs.labels
        self._inputs = TorchInputs(inputs.features, inputs.lists, inputs.dense, inputs.tables.dim, inputs.labels)
        self._calls = Calls(inputs.seed)
        with self._calls.moving():
            self._module = modules.make(settings.module, self._inputs, settings.args)
            self._optimizer = optimizers.make(settings.optimizer, self._module, settings.lr)
        self._loss = nn.BCEWithLogitsLoss(reduction="none")

    def predict(self, batch: Batch) -> Float:
        """[n, labels]. Changes nothing."""
        return self._score(batch, self._tables.lookup_all(batch))

    def learn(self, batch: Batch, truth: Truth) -> Float:
        """As the contract says. Rows without a label (weight 0) are scored and take no part in the update; their new
        IDs stay unknown. LearnerError before anything is changed where the loss is not finite.
        """
        learned = np.flatnonzero(truth.weights.any(axis=1))
        if len(learned) == batch.size:
            # A gather gives what a lookup would.
            values = self._tables.gather_all(batch)
            scores = self._score(batch, values)
        else:
            scores = self.predict(batch)
            batch, truth = batch.pick(learned), truth.pick(learned)
            values = self._tables.gather_all(batch)
        if batch.size:
            self._update(batch, truth, values)
        return scores

    def snapshot(self) -> Snapshot:
        """Weights: the module's state_dict. Training: the optimizer's state by parameter, and that of the random
        numbers.
        """
        kept = optimizers.arrays(self._optimizer, self._module)
        training = {_OPTIMIZER + name: array for name, array in kept.items()}
        return Snapshot(modules.arrays(self._module), {**training, "random": self._calls.state})

    def restore(self, snapshot: Snapshot) -> None:
        """As the contract says. ResumeError where the snapshot is of a module with other layers."""
        modules.fill(self._module, snapshot.weights)
        if snapshot.training:
            self._calls.state = snapshot.training["random"]
            kept = {
                name.removeprefix(_OPTIMIZER): array
                for name, array in snapshot.training.items()
                if name.startswith(_OPTIMIZER)
            }
            optimizers.fill(self._optimizer, self._module, kept)

    def _score(self, batch: Batch, values: Float) -> Float:
        with self._calls.still():
            self._module.eval()
            logits = self._logits(batch, torch.tensor(values))
            return torch.sigmoid(logits).numpy()

    def _update(self, batch: Batch, truth: Truth, values: Float) -> None:
        with self._calls.moving():
            self._module.train()
            leaf = torch.tensor(values, requires_grad=True)
            logits = self._logits(batch, leaf)
            weights = torch.tensor(truth.weights)
            total = weights.sum()
            loss = (self._loss(logits, torch.tensor(truth.labels)) * weights).sum() / total
            self._check(loss)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._check_gradients()
            # 1. The table, which refuses gradients that are not finite before it changes anything. 2. The module.
            if leaf.grad is not None:
                self._tables.apply_all(batch, (leaf.grad * total).numpy())
            self._optimizer.step()

    def _logits(self, batch: Batch, values: Tensor) -> Tensor:
        """[n, labels], float32."""
        given: object = self._module(TorchBatch(batch, values, self._inputs))
        shape = (batch.size, self._labels)
        if isinstance(given, Tensor) and given.is_floating_point():
            if given.shape == shape or (self._labels == 1 and given.shape == shape[:1]):
                return given.float().view(shape)
            got = f"{str(given.dtype).removeprefix('torch.')}{list(given.shape)}"
        else:
            got = str(given.dtype) if isinstance(given, Tensor) else type(given).__name__
        flat = f"[{batch.size}] or " if self._labels == 1 else ""
        raise LearnerError(
            "the module's forward returned something else than a logit for each row and label",
            expected=f"a float tensor {flat}{list(shape)}: rows, labels",
            got=got,
            fix="end forward with e.g. self.out(h).squeeze(1); logits, without a sigmoid",
        )

    def _check(self, loss: Tensor) -> None:
        if not loss.isfinite():
            raise LearnerError(
                "the loss is not finite",
                expected="a number",
                got=f"{loss.item()}",
                fix="lower learner.lr or embedding.lr; look for a division, log or sqrt of 0 in forward",
            )
        if not loss.requires_grad:
            raise LearnerError(
                "what forward returned does not depend on the module's parameters or the rows' IDs",
                expected="a tensor with a gradient",
                fix="leave detach, no_grad, numpy() and item() out of forward",
            )

    def _check_gradients(self) -> None:
        for name, parameter in self._module.named_parameters():
            if parameter.grad is not None and not parameter.grad.isfinite().all():
                raise LearnerError(
                    "a gradient is not finite",
                    expected="finite numbers",
                    got=f"NaN or infinity in that of {name}",
                    fix="lower learner.lr or embedding.lr; look for a division, log or sqrt of 0 in forward",
                )
