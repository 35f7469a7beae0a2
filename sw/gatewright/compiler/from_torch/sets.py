"""Calibration inputs as PyTorch users have them, by name as the compiler takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gatewright.compiler.errors import CompileError
from gatewright.compiler.from_torch.example import Example, array_of

__all__ = ["named_sets"]


def named_sets(calibration: Any, example: Example, title: str) -> list[dict[str, npt.NDArray[Any]]]:
    """Each set of ``calibration`` (one by name, or an iterable such as a DataLoader of: inputs by name, several in the
    order of the call, lone tensors) as arrays by name. All of it is read.

    Raises :class:`CompileError`, naming the set, for what is no inputs of the module.
    """
    sets = [calibration] if isinstance(calibration, Mapping) else calibration
    if not isinstance(sets, Iterable):
        raise CompileError(f"calibration is a {type(sets).__name__}, allowed: an iterable of inputs, or inputs by name")
    found = [dict(_named(given, example, title, f"calibration set {index}")) for index, given in enumerate(sets)]
    if not found:
        raise CompileError("calibration is empty, needed: at least one set of inputs, or None for the example inputs")
    return found


def _named(given: Any, example: Example, title: str, where: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    if isinstance(given, (torch.Tensor, np.ndarray)):
        given = (given,)
    if isinstance(given, (tuple, list)):
        names = list(example.tensors)
        if len(given) != len(names):
            raise CompileError(f"{where} has {len(given)} inputs, {title} takes {len(names)}: {', '.join(names)}")
        given = dict(zip(names, given, strict=True))
    if not isinstance(given, Mapping):
        raise CompileError(f"{where} is a {type(given).__name__}, allowed: a tensor, a tuple or a dict of them")
    for name, value in given.items():
        if name not in example.constants:
            yield name, array_of(value) if isinstance(value, torch.Tensor) else np.asarray(value)
        elif value != example.constants[name]:
            raise CompileError(
                f"{where} has {name} = {value!r}, allowed as in the example: {example.constants[name]!r}"
            )
