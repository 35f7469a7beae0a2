# amaranth: UnusedElaboratable=no

"""Top: registers, sequencer, engines and bus joined. It runs with engines that copy in the sequencer bench, with
its own in the accelerator bench (test_benches.py)."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from gatewright.spec.commands import COMMANDS, GEMM, CommandSpec, GemmFlags, Kind, encode
from gatewright.spec.config import get_config
from gatewright.spec.registers import register
from gatewright_hw.engines.interface import EngineSignature
from gatewright_hw.top import ROUTES, Top
from gatewright_sim.components.axi_lite import axi_lite_read, axi_lite_write
from gatewright_sim.components.axi_memory import AxiMemory
from gatewright_sim.components.simulation import simulate

TINY = get_config("tiny")
NAMES = list(dict.fromkeys(ROUTES.values()))
PROGRAM = 0x400


LATE = 5
"""Cycles that a command is offered before its engine takes it."""


class Names(wiring.Component):
    """An engine that takes its command late, is done at once, and says by its error which one it is."""

    def __init__(self, number: int) -> None:
        self._number = number
        super().__init__(EngineSignature())

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        offered = Signal(range(LATE + 1))
        with m.If(self.command.valid & ~self.command.ready):
            m.d.sync += offered.eq(offered + 1)
        with m.Else():
            m.d.sync += offered.eq(0)
        m.d.comb += [self.command.ready.eq(offered == LATE), self.error.eq(self._number)]
        m.d.sync += self.done.eq(self.command.valid & self.command.ready)
        return m


def command(spec: CommandSpec) -> bytes:
    values = {field.name: 8 if field.kind is Kind.SIZE else 0 for field in spec.fields}
    return encode(spec, GemmFlags.PARAMS if spec is GEMM else 0, **values)


@pytest.mark.parametrize("spec", COMMANDS.values(), ids=lambda spec: spec.name)
def test_a_command_reaches_its_engine_and_irq_the_host(spec: CommandSpec, rng: np.random.Generator) -> None:
    dut = Top(TINY, {name: Names(200 + number) for number, name in enumerate(NAMES)})
    memory = AxiMemory(dut.m_axi, bytes(PROGRAM) + command(spec), rng)

    async def testbench(ctx: Any) -> None:
        settings = {"PROGRAM_ADDR": PROGRAM, "PROGRAM_COUNT": 1, "IRQ_ENABLE": 1, "CONTROL": 1}
        for name, value in settings.items():
            await axi_lite_write(ctx, dut.s_axil, register(name).offset, value)
        await ctx.tick().until(dut.irq)
        error = await axi_lite_read(ctx, dut.s_axil, register("ERROR").offset)
        assert error == 200 + NAMES.index(ROUTES[spec.opcode])
        assert await axi_lite_read(ctx, dut.s_axil, register("READ_BEATS").offset) == 8
        for other in COMMANDS.values():
            cycles = await axi_lite_read(ctx, dut.s_axil, register(f"CYCLES_{other.engine.upper()}").offset)
            assert bool(cycles) == (other is spec)
        await axi_lite_write(ctx, dut.s_axil, register("IRQ_STATUS").offset, 1)
        await ctx.tick().repeat(2)
        assert not ctx.get(dut.irq)

    simulate(dut, testbench, background=[memory.reads, memory.writes])


def test_every_opcode_has_a_route() -> None:
    assert set(ROUTES) == {spec.opcode for spec in COMMANDS.values()}


def test_a_missing_engine_is_named() -> None:
    with pytest.raises(ValueError, match="Top: no engine vector, needed: gemm, aggregate, vector"):
        Top(TINY, {name: Names(0) for name in NAMES if name != "vector"})
