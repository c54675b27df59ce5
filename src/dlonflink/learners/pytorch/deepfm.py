"""DeepFM (Guo et al. 2017) beside heads that learn row by row: the perceptron, and how the parts meet."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from dlonflink.errors import LearnerError
from dlonflink.features.batch import Batch, Float, Truth
from dlonflink.learners.adam import Adam
from dlonflink.learners.base import Inputs, Learner, Snapshot
from dlonflink.learners.deep import Core
from dlonflink.learners.pytorch import module as modules
from dlonflink.learners.pytorch.calls import Calls, one_thread
from dlonflink.learners.settings import DeepFM

_MODULE = "mlp/"


@final
class DeepFMLearner(Learner):
    """Heads as in `logistic`, row by row; perceptron and factors once for each batch (learners/deep.py)."""

    rolling: ClassVar[bool] = True

    def __init__(self, inputs: Inputs, settings: DeepFM) -> None:
        self._core = Core(inputs, settings.dim, settings.rates)
        with Calls(inputs.seed).moving():
            self._module = _perceptron((self._core.width, *settings.hidden))
        self._parameters = dict(self._module.named_parameters())
        views = {name: one.detach().numpy() for name, one in self._parameters.items()}
        self._optimizer = Adam(views, settings.lr)

    def predict(self, batch: Batch) -> Float:
        """[n, 1]. Changes nothing."""
        deep = self._core.look(batch)
        with one_thread(), torch.no_grad():
            offers = self._module(torch.as_tensor(deep.seen)).view(-1).numpy() + deep.pairs
        return self._core.run(deep, offers)[0]

    def learn(self, batch: Batch, truth: Truth) -> Float:
        """[n, 1], each row scored with the heads as the row before it left them, and with the rest as the batch before
        this one did. A row of weight 0 is only scored; its new IDs stay unknown.
        """
        deep = self._core.take(batch, truth)
        with one_thread(), torch.enable_grad():
            seen = torch.as_tensor(deep.seen).requires_grad_()
            logits: Tensor = self._module(seen).view(-1)
            offers = logits.detach().numpy() + deep.pairs
            if not np.isfinite(offers).all():
                raise LearnerError(
                    "the perceptron's logits are not finite",
                    got=f"{offers[~np.isfinite(offers)][0]}",
                    expected="numbers",
                    fix="lower learner.lr, and bring large dense columns down: transform: log1p",
                )
            scores, errors = self._core.run(deep, offers)
            total = truth.weights.sum()
            if total > 0:
                # The mean for the perceptron, the sum for the factors (learners/pytorch/learner.py says why).
                of_seen, *rest = torch.autograd.grad(
                    logits, (seen, *self._parameters.values()), torch.as_tensor(errors / total)
                )
                self._optimizer.step({name: g.numpy() for name, g in zip(self._parameters, rest, strict=True)})
                self._core.step(deep, errors, of_seen.numpy(), total)
        return scores

    def snapshot(self) -> Snapshot:
        """The heads' arrays, and under `mlp/` the perceptron's."""
        heads = self._core.snapshot()
        module = {_MODULE + name: array for name, array in modules.arrays(self._module).items()}
        steps = {_MODULE + name: array for name, array in self._optimizer.arrays().items()}
        return Snapshot({**heads.weights, **module}, {**heads.training, **steps})

    def restore(self, snapshot: Snapshot) -> None:
        """As the contract says. ResumeError where the snapshot was made with other settings."""
        self._core.restore(snapshot)
        modules.fill(self._module, _own(snapshot.weights))
        if snapshot.training:
            self._optimizer.fill(_own(snapshot.training))


def _own(arrays: modules.Arrays) -> modules.Arrays:
    return {name.removeprefix(_MODULE): array for name, array in arrays.items() if name.startswith(_MODULE)}


def _perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1))
