# amaranth: UnusedElaboratable=no
"""LiteDecoder: each register block sees the accesses to its page, and only these."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import wiring

from gatewright.spec.config import get_config
from gatewright.spec.registers import register
from gatewright_hw.bus.lite_decoder import LiteDecoder
from gatewright_hw.register_block import RegisterBlock
from gatewright_sim.components.axi_lite import axi_lite_read, axi_lite_write
from gatewright_sim.components.simulation import simulate

PAGES = {"one": 0x0000, "two": 0x8000, "three": 0x9000}
WATCHDOG = register("WATCHDOG").offset


class Blocks(Elaboratable):
    """A register block on every page."""

    def __init__(self) -> None:
        self.decoder = LiteDecoder(16, 0x1000, PAGES)
        self.blocks = {name: RegisterBlock(get_config("tiny")) for name in PAGES}

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.decoder = self.decoder
        for name, block in self.blocks.items():
            m.submodules[name] = block
            wiring.connect(m, getattr(self.decoder, name), block.bus)
        return m


def test_accesses_reach_their_page_alone(rng: np.random.Generator) -> None:
    dut = Blocks()
    values = dict.fromkeys(PAGES, 0)

    async def testbench(ctx: Any) -> None:
        for _ in range(60):
            name = str(rng.choice(list(PAGES)))
            if rng.integers(2):
                values[name] = int(rng.integers(1 << 32))
                await axi_lite_write(ctx, dut.decoder.bus, PAGES[name] + WATCHDOG, values[name])
            assert await axi_lite_read(ctx, dut.decoder.bus, PAGES[name] + WATCHDOG) == values[name]
            assert {name: ctx.get(block.watchdog) for name, block in dut.blocks.items()} == values

    simulate(dut, testbench)


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ({"x": 0x800}, "page of x is 0x800, allowed: multiples of 0x1000 below 0x10000"),
        ({"x": 0x10000}, "page of x is 0x10000"),
        ({"x": 0x1000, "y": 0x1000}, "allowed: different ones"),
    ],
)
def test_pages_are_checked(pages: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LiteDecoder(16, 0x1000, pages)
