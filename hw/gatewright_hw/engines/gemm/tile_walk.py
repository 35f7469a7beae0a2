"""Walk over the tiles of one operand and the places they take in its banks.

The banks are a ring of two halves with ``per_half`` tiles each, a tile being ``pitch`` words. The loader and the
compute side walk the same way, each at its own pace, hence agree on where a tile is without telling each other.
"""

from __future__ import annotations

import operator

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.tiling import BLOCK_TILES

__all__ = ["SIZE_BITS", "TileWalk", "tiles_per_half"]

SIZE_BITS = 24


def tiles_per_half(pitch: Signal, half: int) -> Mux:
    """As :func:`gatewright.spec.tiling.tiles_per_half`."""
    best = 1
    tiles = 2
    while tiles <= BLOCK_TILES:
        best = Mux(pitch <= half // tiles, tiles, best)
        tiles *= 2
    return best


class TileWalk(wiring.Component):
    """The walk, up to a tile a cycle.

    Parameters
    ----------
    size : rows (or columns) of a tile.
    half : words in half of a bank.

    Members
    -------
    start : 1, in; begin with the first row at the start of the ring.
    total : SIZE_BITS, in; rows of the operand. This and the next two stay until the next start.
    per_half : range(BLOCK_TILES + 1), in; tiles in a half of the ring.
    pitch : range(half + 1), in; words of a tile.
    advance : 1, in; go to the next tile.
    rewind : 1, in; go to the first row again, the place in the ring goes on.
    back : 1, in; return to the tile that is first in this half, for walks that read a half several times.
    count : range(size + 1), out; rows of this tile.
    left : SIZE_BITS, out; rows from this tile on.
    fresh, last : 1, out; this is the first, the last tile.
    word : range(2 * half), out; its first word.
    slot : range(2 * BLOCK_TILES), out; its place.
    room : range(BLOCK_TILES + 1), out; tiles from here to the end of the half.
    """

    def __init__(self, size: int, half: int) -> None:
        self.size = operator.index(size)
        self.half = operator.index(half)
        super().__init__(
            {
                "start": In(1),
                "total": In(SIZE_BITS),
                "per_half": In(range(BLOCK_TILES + 1)),
                "pitch": In(range(half + 1)),
                "advance": In(1),
                "rewind": In(1),
                "back": In(1),
                "left": Out(SIZE_BITS),
                "count": Out(range(size + 1)),
                "fresh": Out(1),
                "last": Out(1),
                "word": Out(range(2 * half)),
                "slot": Out(range(2 * BLOCK_TILES)),
                "room": Out(range(BLOCK_TILES + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        index = Signal(range(BLOCK_TILES))
        upper = Signal()  # which half
        mark = Signal.like(self.left)  # rows left at the first tile of this half
        m.d.comb += [
            self.last.eq(self.left <= self.size),
            self.count.eq(Mux(self.last, self.left, self.size)),
            self.slot.eq(Cat(index, upper)),
            self.room.eq(self.per_half - index),
        ]
        after = Signal.like(self.left)
        m.d.comb += after.eq(Mux(self.rewind, self.total, self.left - self.count))
        with m.If(self.advance):
            m.d.sync += [
                self.left.eq(after),
                index.eq(index + 1),
                self.word.eq(self.word + self.pitch),
                self.fresh.eq(0),
            ]
            with m.If(self.room == 1):
                m.d.sync += [index.eq(0), upper.eq(~upper), self.word.eq(Mux(upper, 0, self.half)), mark.eq(after)]
        with m.If(self.rewind):
            m.d.sync += [self.left.eq(self.total), self.fresh.eq(1)]
        with m.If(self.back):
            m.d.sync += [index.eq(0), self.word.eq(Mux(upper, self.half, 0)), self.left.eq(mark)]
        with m.If(self.start):
            m.d.sync += [
                index.eq(0),
                upper.eq(0),
                self.word.eq(0),
                self.left.eq(self.total),
                mark.eq(self.total),
                self.fresh.eq(1),
            ]
        return m
