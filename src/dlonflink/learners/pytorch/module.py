"""A user's module: built, checked, and read and written as arrays by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dlonflink.embedding.state import put
from dlonflink.errors import PipelineError, ResumeError
from dlonflink.learners.classes import Role, construct, find
from dlonflink.learners.pytorch.inputs import TorchInputs

Arrays = Mapping[str, NDArray[Any]]

OTHER_MODULE = "the module in the snapshot or version is another one"

_MODULE: Role[nn.Module] = Role(
    noun="module",
    key="learner.module",
    base=nn.Module,
    base_name="torch.nn.Module",
    hint="derive it from torch.nn.Module; its forward takes a TorchBatch and returns logits",
    arguments="learner.args",
)
# What a snapshot has a name for; torch has more.
_FLOATS = (torch.float64, torch.float32, torch.float16)
_TYPES = (*_FLOATS, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)


def look_up(path: str) -> type[nn.Module]:
    """The class. Raises as `classes.find`."""
    return find(path, _MODULE)


def make(path: str, inputs: TorchInputs, arguments: Mapping[str, Any]) -> nn.Module:
    """The module, with parameters that an optimizer can move and a snapshot can hold. PipelineError where it has none,
    or others.
    """
    module = construct(look_up(path), path, inputs, arguments, _MODULE)
    where = f"learner.module: {path}"
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        _check(name, tensor, where)
    for name, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            raise PipelineError(
                f"the module's {name!r} cannot be part of a version",
                where=where,
                expected="a state_dict of tensors",
                got=type(value).__name__,
                fix="keep numbers as buffers (register_buffer), and leave get_extra_state out",
            )
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise PipelineError(
            "the module has no parameters to learn",
            where=where,
            expected="at least one layer or nn.Parameter, as an attribute",
            fix="layers in a list or dict are not found: nn.ModuleList, nn.ModuleDict; a model of the table's rows "
            "alone takes a bias: nn.Parameter(torch.zeros(1))",
        )
    return module


def arrays(module: nn.Module) -> dict[str, NDArray[Any]]:
    """Its state_dict, as views."""
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def fill(module: nn.Module, given: Arrays) -> None:
    """The reverse of `arrays`. ResumeError where names or shapes are others."""
    own = arrays(module)
    unknown = sorted(set(given) - set(own))
    if unknown:
        raise ResumeError(
            OTHER_MODULE,
            where=unknown[0],
            expected=f"only {', '.join(own)}",
            fix="give the module back the layers it had, or start afresh (--fresh)",
        )
    for name, array in own.items():
        put(array, given, name, OTHER_MODULE)


def _check(name: str, tensor: Tensor, where: str) -> None:
    if nn.parameter.is_lazy(tensor):
        got, fix = "a lazy layer, which has no size yet", "give sizes: inputs.dim, inputs.dense, inputs.labels"
    elif tensor.device.type != "cpu":
        got, fix = f"a tensor on {tensor.device}", "leave the device out"
    elif tensor.dtype not in _TYPES:
        got, fix = str(tensor.dtype), "keep it as float32, and convert inside forward"
    else:
        return
    raise PipelineError(
        f"the module's {name!r} cannot be learned and restored here",
        where=where,
        expected=f"a tensor on the CPU, {', '.join(str(one).removeprefix('torch.') for one in _TYPES)}",
        got=got,
        fix=fix,
    )
