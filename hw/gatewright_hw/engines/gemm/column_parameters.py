"""Column parameters: bias, multiplier and shift of each column whose tile of B is on chip, read ``lanes`` columns at
a time.

Entry ``slot * parts + part`` holds the records of columns ``part * lanes ..`` of the tile in ``slot``. Distributed
memory, read asynchronously.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import ACCUMULATOR_BITS, MULTIPLIER_BITS, SHIFT_BITS
from gatewright.spec.tiling import BLOCK_TILES
from gatewright_hw.engines.gemm.geometry import Geometry

__all__ = ["COLUMN", "ColumnParameters"]

COLUMN = data.StructLayout({"bias": ACCUMULATOR_BITS, "multiplier": MULTIPLIER_BITS, "shift": SHIFT_BITS})
"""The low bits of a record of GEMM_PARAMS_DTYPE; the bias is signed."""


class ColumnParameters(wiring.Component):
    """Memory of the records of two blocks of tiles, written by records and read by ``lanes`` of them.

    Members
    -------
    write, entry, lane, record : 1, range(entries), range(lanes) and 64 bits, in; store ``record`` in ``lane`` of
        ``entry``.
    slot, part : range(2 * BLOCK_TILES) and range(parts), in.
    columns : ``lanes`` times COLUMN, out; those of (``slot``, ``part``), in the same cycle.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        self._entries = 2 * BLOCK_TILES * g.parts
        super().__init__(
            {
                "write": In(1),
                "entry": In(range(self._entries)),
                "lane": In(range(g.lanes)),
                "record": In(64),
                "slot": In(range(2 * BLOCK_TILES)),
                "part": In(range(g.parts)),
                "columns": Out(COLUMN).array(g.lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for lane in range(self._geometry.lanes):
            bank = memory.Memory(shape=COLUMN.size, depth=self._entries, init=[])
            m.submodules[f"lane_{lane}"] = bank
            store = bank.write_port()
            fetch = bank.read_port(domain="comb")
            m.d.comb += [
                store.addr.eq(self.entry),
                store.data.eq(self.record),
                store.en.eq(self.write & (self.lane == lane)),
                fetch.addr.eq(Cat(self.part, self.slot)),
                self.columns[lane].eq(fetch.data),
            ]
        return m
