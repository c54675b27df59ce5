"""What torch keeps for the whole process, set for the length of a call and put back: the process is the user's."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_MEMORY: Any = torch.utils.deterministic  # its settings have no types


@contextmanager
def one_thread() -> Generator[None]:
    """Sums are added up in one order only by one thread; and on the two cores of a small machine the second one is
    Flink's.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@final
class Calls:
    """The surroundings of calls into a module that a user wrote: one thread, deterministic algorithms alone, and
    torch's random numbers from `state`, wherever the process's own are.

    `random` of Python and numpy's global state are not ours, and no module may use them.
    """

    def __init__(self, seed: int) -> None:
        self._first = torch.Generator().manual_seed(seed % 2**63).get_state()
        self._state = self._first

    @property
    def state(self) -> NDArray[np.uint8]:
        """Of the random numbers to come in `moving`."""
        return self._state.numpy()

    @state.setter
    def state(self, state: NDArray[np.uint8]) -> None:
        self._state = torch.tensor(state)

    @contextmanager
    def moving(self) -> Generator[None]:
        """To build and to learn: random numbers go on where the last such call ended."""
        with self._from(self._state):
            yield
            self._state = torch.get_rng_state()

    @contextmanager
    def still(self) -> Generator[None]:
        """To score: no gradients, and the same random numbers each time, so that scoring changes nothing."""
        with self._from(self._first), torch.no_grad():
            yield

    @contextmanager
    def _from(self, state: Tensor) -> Generator[None]:
        outside = torch.get_rng_state()
        strict = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        fill = _MEMORY.fill_uninitialized_memory
        torch.set_rng_state(state)
        torch.use_deterministic_algorithms(mode=True)
        _MEMORY.fill_uninitialized_memory = False  # costs a pass over every result
        try:
            with one_thread(), torch.enable_grad():
                yield
        finally:
            _MEMORY.fill_uninitialized_memory = fill
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)
            torch.set_rng_state(outside)
