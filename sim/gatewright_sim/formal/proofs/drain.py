"""The gemm engine's drain: the column parameters of a tile are released once they have all been read, not before."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cover, Module, Mux, Signal

from gatewright.spec.config import get_config
from gatewright_hw.engines.gemm import drain
from gatewright_hw.engines.gemm.drain import Drain
from gatewright_hw.engines.gemm.geometry import Geometry
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.internals import opened, register
from gatewright_sim.formal.proof import Bug, Mode, Proof

__all__ = ["TABLE"]

GEOMETRY = Geometry(get_config("tiny"))
READS = GEOMETRY.drain_cycles
"""Of column parameters for a tile: each group of columns with each row."""


class DrainHarness(Harness):
    """Tiles leave the array part by part, row by row, with any pauses; what they are is known with the first part."""

    def __init__(self) -> None:
        super().__init__(Drain(GEOMETRY))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        drained = part.drained
        row, group = Signal.like(drained.row), Signal.like(drained.part)
        left, slot, releases = Signal(range(READS + 1)), Signal.like(part.slot), Signal()  # of the tile that leaves
        first = left == 0
        m.d.comb += Assume(~drained.valid | ((drained.row == row) & (drained.part == group)))
        with m.If(drained.valid):
            m.d.sync += [left.eq(Mux(first, READS, left) - 1), group.eq(group + 1)]
            with m.If(group == GEOMETRY.parts - 1):
                m.d.sync += [group.eq(0), row.eq(Mux(row == GEOMETRY.rows - 1, 0, row + 1))]
            with m.If(first):
                m.d.sync += [slot.eq(part.ended.slot), releases.eq(part.ended.release_b)]
        last = drained.valid & (left == 1)
        m.d.comb += [
            Assert(~drained.valid | (part.slot == Mux(first, part.ended.slot, slot))),
            Assert(~drained.valid | (part.part == group)),
            Assert(part.release_b == (last & releases)),
            Cover(part.release_b),
        ]
        if self.invariants:
            held = GEOMETRY.tile(register(opened(part), "held"))
            m.d.comb += [
                Assert(first | ((held.slot == slot) & (held.release_b == releases))),
                Assert((row < GEOMETRY.rows) & (group < GEOMETRY.parts)),
                Assert(left == Mux((row == 0) & (group == 0), 0, READS - row * GEOMETRY.parts - group)),
            ]
        return m


TABLE = (
    Proof(
        "column_parameters",
        "the column parameters of a tile are released with the last read of them, and are those of its slot",
        DrainHarness,
        Mode.INDUCTIVE,
        READS + 1,
        (
            Bug(
                "with the last row's first read",
                drain,
                " & (self.drained.part == g.parts - 1)\n        m.d",
                "\n        m.d",
            ),
            Bug("by the next tile's wish", drain, "& end & tile.release_b", "& end & self.ended.release_b"),
        ),
    ),
)
