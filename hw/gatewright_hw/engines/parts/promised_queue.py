"""A queue whose places are promised before their items exist, so that what fills it needs no stall."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from gatewright_hw.engines.parts.credit import places_left
from gatewright_hw.parameters import in_range

__all__ = ["PromisedQueue"]


class PromisedQueue(wiring.Component):
    """A queue behind a free-running pipeline, at up to an item a cycle.

    Parameters
    ----------
    shape : of an item; a layout or a number of bits.
    depth : places, 2..8193. The memory behind it has one entry less.

    Members
    -------
    room : 1, out; a place may be claimed.
    claim : 1, in; a place is claimed. Its item comes later, or in the same cycle.
    push, item : 1 and ``shape``, in; items in the order of claims.
    o : stream of ``shape``, out.
    """

    delay = 1
    """Cycles from ``push`` to ``o`` when nothing waits."""

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        self._depth = in_range("PromisedQueue", "depth", depth, 2, 8193)
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
            self.room.eq(places_left(m, self._depth, self.claim, taken) != 0),
        ]
        return m
