# amaranth: UnusedElaboratable=no

"""Proofs of equivalence close for what is equivalent, and for nothing else."""

from pathlib import Path

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.verilog import to_verilog
from gatewright_sim.mutation.operators import SELECT_BITS
from gatewright_sim.mutation.proof import proved_equivalent


class Part(wiring.Component):
    """A counter with a limit, in a module of its own."""

    a: In(4)
    b: In(4)
    least: Out(4)
    count: Out(1)

    def __init__(self, mutant: Signal) -> None:
        self._mutant = mutant
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m, mutant = Module(), self._mutant
        less = Mux(mutant == 1, self.a <= self.b, self.a < self.b)  # where both are equal, so is the result
        less = Mux(mutant == 2, self.a > self.b, less)
        m.d.comb += self.least.eq(Mux(less, self.a, self.b))
        one = Mux(mutant == 3, -1, 1)  # of a counter with one bit
        m.d.sync += self.count.eq(self.count + Mux(mutant == 4, 2, one))
        return m


class Whole(Part):
    """The part with a module around it."""

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.part = part = Part(self._mutant)
        wiring.connect(m, wiring.flipped(self), part)
        return m


@pytest.mark.parametrize(("number", "equivalent"), [(1, True), (2, False), (3, True), (4, False), (5, False)])
def test_what_is_equivalent_and_nothing_else(number: int, equivalent: bool, tmp_path: Path) -> None:
    mutant = Signal(SELECT_BITS, name="mutant")
    verilog = to_verilog(Whole(mutant), "whole", mutant=mutant)
    assert proved_equivalent(verilog, number, tmp_path) is equivalent
