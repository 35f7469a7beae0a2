"""A queue whose places are promised before their items exist, so that what fills it needs no stall."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.parts.credit import places_left
from gatewright_hw.parts.parameters import in_range
from gatewright_hw.parts.queue import Queue

__all__ = ["PromisedQueue"]


class PromisedQueue(wiring.Component):
    """A queue behind a free-running pipeline, at up to an item a cycle.

    Parameters
    ----------
    shape : of an item; a layout or a number of bits.
    depth : places, 3..8193. The memory behind it has one entry less; with a single entry it could not take items in
        two cycles that follow each other.

    Members
    -------
    room : 1, out; a place may be claimed.
    claim : 1, in; a place is claimed. Its item comes later, or in the same cycle.
    push, item : 1 and ``shape``, in; items in the order of claims.
    o : stream of ``shape``, out.
    """

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        self._queue = Queue(shape, in_range("PromisedQueue", "depth", depth, 3, 8193))
        super().__init__(
            {
                "room": Out(1, init=1),
                "claim": In(1),
                "push": In(1),
                "item": In(shape),
                "o": Out(stream.Signature(shape)),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from ``push`` to ``o`` when nothing waits."""
        return self._queue.delay

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = self._queue
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        left = places_left(m, queue.depth, self.claim, self.o.valid & self.o.ready)
        m.d.comb += [
            queue.i.payload.eq(self.item),
            queue.i.valid.eq(self.push),
            self.room.eq(left != 0),
        ]
        return m
