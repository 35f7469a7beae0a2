"""Credit: places of a queue that are promised to what is still on its way there."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value

__all__ = ["places_left"]


def places_left(m: Module, depth: int, claimed: Value | int, returned: Value | int) -> Signal:
    """Places of a queue of ``depth`` that are neither promised nor taken.

    Parameters
    ----------
    claimed, returned : places that are promised, and places that become free, in this cycle; they count from the next.
    """
    left = Signal(range(depth + 1), init=depth, name="places_left")
    m.d.sync += left.eq(left - claimed + returned)
    return left
