"""Example inputs of a module: which of them a program takes, and which are part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gatewright.compiler.errors import CompileError
from gatewright.program.errors import first_line

__all__ = ["Example", "array_of", "read_example"]

Array = npt.NDArray[Any]

CONSTANTS = (bool, int, float, str, type(None))
"""Types of what a program cannot take: such an input keeps the value that the example has."""


@dataclass(frozen=True)
class Example:
    """A call of a module.

    Attributes
    ----------
    tensors : by name, in the order of the call: the inputs of the program.
    constants : by name: inputs with this value for ever.
    by_name : whether the module is called by names, else by position.
    """

    tensors: dict[str, Any]
    constants: dict[str, Any]
    order: tuple[str, ...]
    by_name: bool

    def call(self, module: Any, tensors: Sequence[Any]) -> Any:
        """What ``module`` makes of other ``tensors`` in the place of these."""
        values = dict(zip(self.tensors, tensors, strict=True)) | self.constants
        return module(**values) if self.by_name else module(*(values[name] for name in self.order))

    def arrays(self) -> dict[str, Array]:
        """The tensors as arrays, by name."""
        return {name: array_of(value) for name, value in self.tensors.items()}


def read_example(module: Any, given: object) -> Example:
    """``given`` as a call of ``module.forward``: inputs by name, several by position, or a lone tensor. Arrays count as
    tensors.

    Raises :class:`CompileError` where forward does not take them, and for what is neither tensor nor constant.
    """
    title = type(module).__name__
    if isinstance(given, (torch.Tensor, np.ndarray)):
        given = (given,)
    by_name = isinstance(given, Mapping)
    if not isinstance(given, (Mapping, tuple, list)):
        raise CompileError(
            f"example_inputs of {title} is {_what(given)}, allowed: a tensor, a tuple of them, or a dict by name"
        )
    try:
        names = list(_names(module, given))
    except TypeError as error:
        raise CompileError(f"example_inputs do not fit {title}.forward: {first_line(error)}") from None
    values = dict(zip(names, given.values() if isinstance(given, Mapping) else given, strict=True))
    device = next((each.device for each in module.parameters()), torch.device("cpu"))
    tensors, constants = {}, {}
    for name, value in values.items():
        if isinstance(value, (torch.Tensor, np.ndarray)):
            tensors[name] = _dense(torch.as_tensor(value), f"example input {name!r} of {title}").detach().to(device)
        elif isinstance(value, CONSTANTS):
            constants[name] = value
        else:
            raise CompileError(
                f"example input {name!r} of {title} is {_what(value)}, allowed: tensors, arrays, and numbers, strings "
                "or None, which stay as they are"
            )
    if not tensors:
        raise CompileError(f"example_inputs of {title} have no tensor, needed: at least one")
    return Example(tensors, constants, tuple(names), by_name)


def _names(module: Any, given: Mapping[str, Any] | Sequence[Any]) -> Iterator[str]:
    """How forward calls its arguments. Raises TypeError where it does not take them."""
    forward = signature(module.forward)
    if isinstance(given, Mapping):
        forward.bind(**given)
        yield from given
        return
    for name, value in forward.bind(*given).arguments.items():
        if forward.parameters[name].kind is Parameter.VAR_POSITIONAL:
            yield from (f"{name}_{index}" for index in range(len(value)))
        else:
            yield name


def _dense(tensor: Any, what: str) -> Any:
    if tensor.layout is not torch.strided:
        raise CompileError(
            f"{what} is {tensor.layout}, allowed: dense tensors; a sparse matrix is the operator CsrMatMul's"
        )
    return tensor


def _what(value: object) -> str:
    return f"a {type(value).__name__}"


def array_of(tensor: Any) -> Array:
    """A tensor of any device as an array of its numbers."""
    tensor = tensor.detach().cpu()
    return np.asarray((tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy())
