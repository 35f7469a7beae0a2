"""A queue whose places are promised before their items exist, so that what fills it needs no stall."""

from __future__ import annotations

import operator

from amaranth.hdl import Module, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from gatewright_hw.engines.vector.groups import credit

__all__ = ["PromisedQueue"]


class PromisedQueue(wiring.Component):
    """A queue behind a free-running pipeline.

    Parameters
    ----------
    shape : of an item; a layout or a number of bits.
    depth : places, 2..8193. The memory behind it has one entry less.

    Members
    -------
    room : a place may be claimed.
    claim : a place is claimed; its item comes later, or in the same cycle.
    push, item : items in, in the order of claims.
    o : items out.
    """

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        self._depth = operator.index(depth)
        if not 2 <= self._depth <= 8193:
            raise ValueError(f"PromisedQueue: depth is {depth}, allowed 2..8193")
        super().__init__(
            {
                "room": Out(1, init=1),
                "claim": In(1),
                "push": In(1),
                "item": In(shape),
                "o": Out(stream.Signature(shape)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        width = len(Value.cast(self.item))
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=width, depth=self._depth)
        taken = Signal()
        m.d.comb += [
            fifo.w_data.eq(self.item),
            fifo.w_en.eq(self.push),
            Value.cast(self.o.payload).eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
            taken.eq(self.o.valid & self.o.ready),
            self.room.eq(credit(m, self._depth, self.claim, taken)),
        ]
        return m
