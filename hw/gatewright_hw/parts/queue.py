"""A first-in, first-out queue of items of any shape, between two streams."""

from __future__ import annotations

import operator

from amaranth.hdl import Module, ShapeLike, Value
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO, SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

__all__ = ["Queue"]

_BLOCK_RAM_BITS = 32 * 64
"""Bits of a queue that are worth a block RAM: as look-up tables they are forty and more."""


class _BlockRamFifo(SyncFIFOBuffered):
    """Its memory is a block RAM, whatever synthesis deems cheaper: a part runs out of look-up tables first.

    ``ram_style`` is Vivado's attribute (UG901) and Yosys'.
    """

    def elaborate(self, platform: object) -> Module:
        m: Module = super().elaborate(platform)
        m.submodules.storage.attrs["ram_style"] = "block"
        return m


def _fifo(width: int, depth: int, buffered: bool) -> SyncFIFO | SyncFIFOBuffered:
    if not buffered:
        return SyncFIFO(width=width, depth=depth)
    return (_BlockRamFifo if width * depth >= _BLOCK_RAM_BITS else SyncFIFOBuffered)(width=width, depth=depth)


class Queue(wiring.Component):
    """Items leave in the order in which they came, up to one a cycle in and out.

    Parameters
    ----------
    shape : of an item; a layout or a number of bits.
    depth : most items, at least 1. A buffered queue of one takes an item only every other cycle.
    buffered : an item can leave two cycles after it came, and the memory is read with a register, as a block RAM is;
        it is one from _BLOCK_RAM_BITS on. Otherwise an item can leave one cycle after, and the memory is distributed
        RAM.

    Members
    -------
    i : stream of ``shape``, in.
    o : stream of ``shape``, out.
    level : range(depth + 1), out; items that are here.
    """

    def __init__(self, shape: ShapeLike, depth: int, *, buffered: bool = True) -> None:
        self.depth = operator.index(depth)
        if self.depth < 1:
            raise ValueError(f"Queue: depth is {depth}, allowed at least 1")
        self._buffered = buffered
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
                "level": Out(range(self.depth + 1)),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from ``i`` to ``o`` when nothing waits."""
        return 2 if self._buffered else 1

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.fifo = fifo = _fifo(len(Value.cast(self.i.payload)), self.depth, self._buffered)
        m.d.comb += [
            fifo.w_data.eq(self.i.payload),
            fifo.w_en.eq(self.i.valid),
            self.i.ready.eq(fifo.w_rdy),
            Value.cast(self.o.payload).eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
            self.level.eq(fifo.level),
        ]
        return m
