"""How values of any rank lie in memory: the last dimension makes the columns, all others the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from gatewright.compiler.kernels import Dim, Size

__all__ = ["CAPACITY_KEY", "dims", "matrix", "sizes"]

CAPACITY_KEY = "gatewright.capacity"
"""Metadata of a model: JSON of the largest value of each dynamic dimension."""


def dims(shape: Sequence[Any]) -> tuple[int | str, ...]:
    """A shape with names for its dynamic sizes."""
    return tuple(each if isinstance(each, int) else str(each.value) for each in shape)


def matrix(shape: Sequence[Any]) -> bool | None:
    """True when a shape can lie in memory, which needs all dimensions but the first to be static; None otherwise."""
    return True if all(isinstance(each, int) for each in list(shape)[1:]) else None


def sizes(shape: Sequence[Any], capacity: dict[str, int]) -> tuple[Size, int]:
    """Rows and columns; a vector is one row."""
    found = dims(shape)
    if len(found) < 2:
        only = found[0] if found else 1
        return 1, only if isinstance(only, int) else capacity[only]
    lead, inner = found[0], found[1:]
    if isinstance(lead, str):
        return Dim(lead, capacity[lead]) if len(inner) == 1 or math.prod(inner[:-1]) == 1 else _refuse(found), inner[-1]
    return lead * math.prod(inner[:-1]), inner[-1]


def _refuse(shape: tuple[int | str, ...]) -> Size:
    raise ValueError(f"shape {shape} has a dynamic number of matrices")


def static(shape: ir.Shape) -> tuple[int, ...]:
    """A static shape as integers."""
    return tuple(int(each) for each in shape)
