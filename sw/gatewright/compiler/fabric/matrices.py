"""How values of any rank lie in memory: the last dimension makes the columns, all others the rows."""

from __future__ import annotations

import math
from collections.abc import Iterable

import onnx_ir as ir

from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.kernels import Dim, Size, most
from gatewright.program.compiled import dimension

__all__ = ["dims", "dynamic", "fits_memory", "sizes"]


def dims(shape: Iterable[int | ir.SymbolicDim]) -> tuple[int | str, ...]:
    """A shape with names for its dynamic sizes."""
    return tuple(each if isinstance(each, int) else str(each.value) for each in shape)


def fits_memory(shape: Iterable[int | ir.SymbolicDim]) -> bool:
    """Whether values of a shape can lie in memory: only the first size dynamic, no dynamic number of matrices."""
    named = dims(shape)
    inner = named[1:]
    if any(isinstance(size, str) for size in inner):
        return False
    return not (named and isinstance(named[0], str) and math.prod(map(int, inner[:-1])) > 1)


def dynamic(name: str, capacity: dict[str, int]) -> Dim:
    """The size that a dimension's name stands for: a name with a capacity, or one plus or minus a number."""
    base, addend = dimension(name)
    if base not in capacity:
        known = ", ".join(sorted(capacity)) or "none"
        raise CompileError(
            f"dimension {name!r} has no largest size, allowed: a name with a capacity ({known}) +- a number"
        )
    return Dim(base, capacity[base] + addend, addend)


def sizes(shape: Iterable[int | ir.SymbolicDim], capacity: dict[str, int]) -> tuple[Size, int]:
    """Rows and columns; a vector is one row."""
    named = dims(shape)
    if len(named) < 2:
        only = named[0] if named else 1
        return 1, only if isinstance(only, int) else most(dynamic(only, capacity))
    lead, inner = named[0], [int(size) for size in named[1:]]
    if isinstance(lead, int):
        return lead * math.prod(inner[:-1]), inner[-1]
    if math.prod(inner[:-1]) != 1:
        raise ValueError(f"shape {named} has a dynamic number of matrices")
    return dynamic(lead, capacity), inner[-1]
