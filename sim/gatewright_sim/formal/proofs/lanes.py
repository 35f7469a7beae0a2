"""Two products in one multiplier: lanes are accumulated each by itself, whatever the lower sum has borrowed."""

from __future__ import annotations

from amaranth.hdl import Assert, Cover, Module, Mux, Signal

from gatewright_hw.engines.gemm import units
from gatewright_hw.engines.gemm.units import LANE_BITS, LaneAccumulators
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.proof import Bug, Mode, Proof

__all__ = ["TABLE"]

_ACC_BITS = LANE_BITS + 4


class LanesHarness(Harness):
    """Nothing is assumed of the packed sum: of any there is one lower sum of LANE_BITS, and one upper sum."""

    def __init__(self) -> None:
        super().__init__(LaneAccumulators(_ACC_BITS))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        low = part.total[:LANE_BITS].as_signed()
        high = (part.total - low) >> LANE_BITS
        for name, acc, added in (("low", part.acc[0], low), ("high", part.acc[1], high)):
            expected = Signal.like(acc, name=f"expected_{name}")
            m.d.sync += expected.eq(Mux(part.start, 0, acc) + added)
            m.d.comb += Assert(acc == expected)
        m.d.comb += [
            Cover((low < 0) & (high < 0) & ~part.start),
            Cover((part.acc[0] < 0) & (part.acc[1] > 1 << LANE_BITS)),
        ]
        return m


TABLE = (
    Proof(
        "packed_products",
        "of two sums that leave one cascade of multipliers, each is accumulated as if it had come alone",
        LanesHarness,
        Mode.INDUCTIVE,
        4,
        (
            Bug("what the lower sum borrows is lost", units, "C(0, 1), self.total[LANE_BITS - 1]", "C(0, 1), C(0, 1)"),
            Bug(
                "the upper lane begins a bit too low",
                units,
                "self.total[LANE_BITS:]\n",
                "self.total[LANE_BITS - 1 :]\n",
            ),
            Bug("a new sum begins with the one before", units, "Mux(self.start, 0, acc)", "Mux(self.start, acc, acc)"),
        ),
    ),
)
