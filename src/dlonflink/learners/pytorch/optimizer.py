"""An optimizer of torch by name, and its state as arrays by the names of parameters."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dlonflink.errors import LearnerError, PipelineError

Arrays = Mapping[str, NDArray[Any]]

# LBFGS wants to evaluate the loss several times a step, SparseAdam wants sparse gradients.
_NOT_HERE = {"Optimizer", "LBFGS", "SparseAdam"}


def make(name: str, module: nn.Module, lr: float) -> torch.optim.Optimizer:
    """An optimizer of the module's parameters, with torch's defaults but for `lr`. PipelineError: there is none."""
    known = {
        key: value
        for key, value in vars(torch.optim).items()
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and key not in _NOT_HERE
    }
    if name not in known:
        close = difflib.get_close_matches(name.lower(), [key.lower() for key in known], 1)
        meant = [key for key in known if close and key.lower() == close[0]]
        raise PipelineError(
            f"there is no optimizer {name!r} here",
            where="learner.optimizer",
            expected=f"a class of torch.optim: {', '.join(sorted(known))}",
            fix=f"did you mean {meant[0]!r}?" if meant else "name one of these",
        )
    parameters = [parameter for _, parameter in _learned(module)]
    kind: Any = known[name]
    if "fused" in inspect.signature(kind).parameters:
        try:
            return kind(parameters, lr=lr, fused=True)  # one pass over memory in the place of ten
        except (RuntimeError, ValueError):
            pass  # not on a CPU in this torch, or not for these types
    try:
        return kind(parameters, lr=lr)
    except (RuntimeError, TypeError, ValueError) as error:
        raise PipelineError(
            f"the optimizer refuses the module's parameters: {error}",
            where=f"learner.optimizer: {name}",
            fix="choose another one, e.g. Adam",
        ) from error


def arrays(optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, NDArray[Any]]:
    """`<parameter>/<what>` for all that it has kept of each parameter. Views. LearnerError for what is no tensor."""
    found: dict[str, NDArray[Any]] = {}
    for name, parameter in _learned(module):
        state: dict[str, Any] = optimizer.state.get(parameter, {})
        for key, value in state.items():
            if isinstance(value, Tensor):
                found[f"{name}/{key}"] = value.detach().numpy()
            elif value is not None:
                raise LearnerError(
                    f"the optimizer keeps a {type(value).__name__}, which no snapshot can hold",
                    where=f"learner.optimizer: {key} of {name}",
                    fix="choose another one, e.g. Adam",
                )
    return found


def fill(optimizer: torch.optim.Optimizer, module: nn.Module, given: Arrays) -> None:
    """The reverse of `arrays`, into an optimizer that has made no step."""
    for name, parameter in _learned(module):
        prefix = f"{name}/"
        mine = {key.removeprefix(prefix): torch.tensor(array) for key, array in given.items() if key.startswith(prefix)}
        if mine:
            optimizer.state[parameter] = mine


def _learned(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
