"""Many values to one, in pairs, with a register behind each pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import Module, Mux, Shape, Signal, Value
from amaranth.utils import exact_log2

__all__ = ["larger", "pair_tree", "pair_tree_delay"]


def pair_tree_delay(count: int) -> int:
    """Cycles that the tree over ``count`` values takes: one for each level."""
    return int(exact_log2(count))


def pair_tree(m: Module, values: Sequence[Value], join: Callable[[Value, Value], Value], name: str) -> Value:
    """``values``, a power of two of them, joined two by two until one is left.

    ``name`` is that of the registers, which are as wide as what ``join`` gives.
    """
    level = 0
    while len(values) > 1:
        joined: list[Value] = []
        for left, right in zip(values[::2], values[1::2], strict=True):
            pair = join(left, right)
            register = Signal(Shape.cast(pair.shape()), name=f"{name}_{level}_{len(joined)}", reset_less=True)
            m.d.sync += register.eq(pair)
            joined.append(register)
        values, level = joined, level + 1
    return values[0]


def larger(left: Value, right: Value) -> Value:
    """The larger of two values, to join by."""
    return Mux(left > right, left, right)
