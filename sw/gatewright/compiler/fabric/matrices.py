"""How values of any rank lie in memory: the last dimension makes the columns, all others the rows."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.kernels import Dim, Size, most

__all__ = ["dims", "dynamic", "matrix", "sizes"]

_DIMENSION = re.compile(r"(?P<name>\w+)(?P<addend> [+-] \d+)?")


def dims(shape: Sequence[Any]) -> tuple[int | str, ...]:
    """A shape with names for its dynamic sizes."""
    return tuple(each if isinstance(each, int) else str(each.value) for each in shape)


def matrix(shape: Sequence[Any]) -> bool | None:
    """True when a shape can lie in memory: only the first size dynamic, no dynamic number of matrices; else None."""
    found = dims(shape)
    inner = found[1:]
    if any(isinstance(each, str) for each in inner):
        return None
    return None if found and isinstance(found[0], str) and math.prod(map(int, inner[:-1])) > 1 else True


def dynamic(name: str, capacity: dict[str, int]) -> Dim:
    """The size that a dimension's name stands for: a name with a capacity, or one plus or minus a number."""
    found = _DIMENSION.fullmatch(name)
    if found is None or found["name"] not in capacity:
        known = ", ".join(sorted(capacity)) or "none"
        raise CompileError(
            f"dimension {name!r} has no largest size, allowed: a name with a capacity ({known}) +- a number"
        )
    addend = int(found["addend"].replace(" ", "")) if found["addend"] else 0
    return Dim(found["name"], capacity[found["name"]] + addend, addend)


def sizes(shape: Sequence[Any], capacity: dict[str, int]) -> tuple[Size, int]:
    """Rows and columns; a vector is one row."""
    found = dims(shape)
    if len(found) < 2:
        only = found[0] if found else 1
        return 1, only if isinstance(only, int) else most(dynamic(only, capacity))
    lead, inner = found[0], found[1:]
    if isinstance(lead, str):
        return dynamic(lead, capacity) if math.prod(inner[:-1]) == 1 else _refuse(found), inner[-1]
    return lead * math.prod(inner[:-1]), inner[-1]


def _refuse(shape: tuple[int | str, ...]) -> Size:
    raise ValueError(f"shape {shape} has a dynamic number of matrices")


def static(shape: ir.Shape) -> tuple[int, ...]:
    """A static shape as integers."""
    return tuple(int(each) for each in shape)
