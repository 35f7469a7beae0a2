"""Verilog means what the design means, in every simulator."""

import re

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.config import get_config
from gatewright_hw.verilog import to_verilog
from gatewright_sim.rtl.build import design_verilog


class Partly(wiring.Component):
    """A variable whose bits are an input, constants, and chosen by a condition."""

    choice: In(1)
    value: In(4)
    result: Out(12)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [self.result[:4].eq(self.value), self.result[4:7].eq(0b101)]
        with m.If(self.choice):
            m.d.comb += self.result[9:].eq(Cat(self.value[0], Signal(init=1), 0))
        return m


def blocks(text: str) -> list[str]:
    """Bodies of combinational blocks without an input."""
    found = re.findall(r"^  always @\*\n    (.*;)$", text, re.MULTILINE)
    return [body for body in found if re.fullmatch(r".* = \d+'h[0-9a-f]+;", body)]


def test_constant_bits_are_set_by_blocks_that_start() -> None:
    text = to_verilog(Partly(), "partly")
    assert re.search(r"result\[\d+:?\d*\]\s+= \d+'h", text), "no bits that are constant"
    assert not blocks(text)


def test_the_accelerator_has_no_block_that_never_starts() -> None:
    assert not blocks(design_verilog(get_config("tiny")))
