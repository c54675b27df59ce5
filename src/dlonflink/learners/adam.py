"""Adam (Kingma and Ba 2015), compiled: what torch's own does, without the compiler that torch.optim loads for seconds.

m += (1 - b1) (g - m);  v = b2 v + (1 - b2) g²;  p -= lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dlonflink.embedding.state import put
from dlonflink.features.batch import Float
from dlonflink.kernel import kernel

Arrays = Mapping[str, NDArray[Any]]

_FIRST = 0.9  # b1
_SECOND = 0.999  # b2
_EPSILON = 1e-8
_OTHER_SETTINGS = "the learner in the snapshot or version has other settings"


@final
class Adam:
    """Moves `parameters`, contiguous float32 arrays by name, where they lie."""

    def __init__(self, parameters: Mapping[str, Float], lr: float) -> None:
        self._parameters = {name: array.reshape(-1) for name, array in parameters.items()}
        self._means = {name: np.zeros(array.size, np.float32) for name, array in self._parameters.items()}
        self._squares = {name: np.zeros(array.size, np.float32) for name, array in self._parameters.items()}
        self._steps = np.zeros(1, np.int64)
        self._lr = lr

    def step(self, gradients: Mapping[str, Float]) -> None:
        """One, by gradients of the same shapes."""
        self._steps += 1
        t = int(self._steps[0])
        rate = np.float32(self._lr / (1 - _FIRST**t))
        correction = np.float32(1 / np.sqrt(1 - _SECOND**t))
        for name, parameter in self._parameters.items():
            _move(parameter, gradients[name].reshape(-1), self._means[name], self._squares[name], rate, correction)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """`<parameter>/mean`, `<parameter>/square` and `steps`. Views."""
        found: dict[str, NDArray[Any]] = {"steps": self._steps}
        for name in self._parameters:
            found |= {f"{name}/mean": self._means[name], f"{name}/square": self._squares[name]}
        return found

    def fill(self, given: Arrays) -> None:
        """The reverse of `arrays`. ResumeError where it was another optimizer's."""
        for name, array in self.arrays().items():
            put(array, given, name, _OTHER_SETTINGS)


@kernel
def _move(parameter: Float, gradient: Float, mean: Float, square: Float, rate: np.float32, scale: np.float32) -> None:
    one, first, second, epsilon = np.float32(1), np.float32(_FIRST), np.float32(_SECOND), np.float32(_EPSILON)
    for i in range(len(parameter)):
        g = gradient[i]
        m = mean[i] + (one - first) * (g - mean[i])
        v = second * square[i] + (one - second) * g * g
        mean[i] = m
        square[i] = v
        parameter[i] -= rate * m / (np.sqrt(v) * scale + epsilon)
