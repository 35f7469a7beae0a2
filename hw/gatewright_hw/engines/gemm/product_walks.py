"""How the loads and the tiles of a GEMM walk over its operands: both the same way, each at its own pace."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data

from gatewright_hw.engines.gemm.geometry import Geometry, words
from gatewright_hw.engines.gemm.tile_walk import TileWalk, tiles_per_half

__all__ = ["product_walks"]


def product_walks(m: Module, g: Geometry, command: data.View, start: Signal) -> tuple[TileWalk, TileWalk, Signal]:
    """The walks over the rows of A and the columns of B of a GEMM ``command``, which begin with ``start``, as the
    submodules ``a`` and ``b`` of ``m``; and the words of a tile, registered."""
    pitch = Signal(range(max(g.a_half, g.b_half) + 1))
    m.d.sync += pitch.eq(words(command.k))
    m.submodules.a = a = TileWalk(g.rows, g.a_half)
    m.submodules.b = b = TileWalk(g.cols, g.b_half)
    for walk, total in ((a, command.m), (b, command.n)):
        m.d.comb += [walk.start.eq(start), walk.total.eq(total), walk.pitch.eq(pitch)]
        m.d.sync += walk.per_half.eq(tiles_per_half(pitch, walk.half))
    return a, b, pitch
