"""Delay lines."""

from __future__ import annotations

from typing import TypeVar

from amaranth.hdl import Module, Signal, Value
from amaranth.lib.data import View

__all__ = ["delayed"]

_T = TypeVar("_T", Value, View)


def delayed(m: Module, value: _T, cycles: int, reset: bool = False) -> list[_T]:
    """``value`` delayed by 0, 1, .. ``cycles`` cycles: a chain of registers in the ``sync`` domain, shape kept.

    Data takes registers without a reset, which a tool can turn into shift-register LUTs; control (``reset``) clears
    on reset.
    """
    chain = [value]
    for _ in range(cycles):
        step = Signal(value.shape(), reset_less=not reset)
        m.d.sync += step.eq(chain[-1])
        chain.append(step)
    return chain
