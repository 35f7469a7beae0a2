# amaranth: UnusedElaboratable=no

"""Sequencer: commands to their engines one at a time, and what it says of a program. The top's behaviour on a bus is
tested by the sequencer bench (test_benches.py)."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from gatewright.spec.commands import COMMANDS, GEMM, VECTOR, CommandSpec, GemmFlags, Kind, Opcode, encode
from gatewright.spec.config import CONFIGS, get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import ENGINES
from gatewright_hw.sequencer import Sequencer
from gatewright_sim.components.port_memory import PortMemory
from gatewright_sim.components.simulation import simulate

TINY = get_config("tiny")
ROUTES = {Opcode.GEMM: 0, Opcode.ATTENTION: 0, Opcode.AGGREGATE: 1, Opcode.VECTOR: 2}
PROGRAM = 0x200
LATE = 2
"""Cycles that a command is offered before its engine takes it."""


def command(spec: CommandSpec = GEMM, **changes: int) -> bytes:
    values = {field.name: 8 if field.kind is Kind.SIZE else 0 for field in spec.fields} | changes
    return encode(spec, GemmFlags.PARAMS if spec is GEMM else 0, **values)


class Bench:
    """A sequencer with its program in memory, and engines that take ``cycles`` for each command and end with
    ``error``. One takes its command a little late; those that are not asked say ready and done all the time."""

    def __init__(self, program: list[bytes], cycles: int = 5, error: ErrorCode = ErrorCode.NONE) -> None:
        self.dut = Sequencer(TINY, ROUTES)
        self.memory = PortMemory(bytearray(PROGRAM) + b"".join(program) + bytes(512), latency=(3, 9))
        self.count = len(program)
        self.cycles, self.error = cycles, error
        self.issued: list[tuple[int, bytes]] = []
        self.events = dict.fromkeys(("started", "finished", "clear_errors", "busy"), 0)
        self.completed = [0] * len(ENGINES)

    async def engines(self, ctx: Any) -> None:
        dut, left, port, waited = self.dut, 0, 0, 0
        while True:
            ctx.set(dut.bus_quiet, left == 0)
            valid = ctx.get(dut.engine_valid)
            waited = waited + 1 if valid else 0
            taken = waited > LATE
            ctx.set(dut.engine_ready, 0b111 if taken else 0b111 & ~valid)
            ctx.set(dut.engine_done, 0b111 if left == 1 else 0b111 & ~(1 << port))
            ctx.set(dut.engine_error[port], self.error if left == 1 else ErrorCode.NONE)
            left = max(left - 1, 0)
            if taken:
                assert valid.bit_count() == 1
                assert left == 0, "two commands at a time"
                left, port = self.cycles, valid.bit_length() - 1
                self.issued.append((port, ctx.get(dut.command).to_bytes(64, "little")))
            await ctx.tick()

    async def count_events(self, ctx: Any) -> None:
        signals = [getattr(self.dut, name) for name in self.events]
        async for _, _, completed, *events in ctx.tick().sample(self.dut.completed, *signals):
            for name, event in zip(self.events, events, strict=True):
                self.events[name] += event
            for place in range(len(ENGINES)):
                self.completed[place] += completed >> place & 1

    async def start(self, ctx: Any, watchdog: int = 0) -> None:
        dut = self.dut
        ctx.set(dut.program_addr, PROGRAM)
        ctx.set(dut.program_count, self.count)
        ctx.set(dut.watchdog, watchdog)
        ctx.set(dut.start, 1)
        assert ctx.get(dut.started) == (not ctx.get(dut.busy))
        await ctx.tick()
        ctx.set(dut.start, 0)

    async def wait(self, ctx: Any) -> None:
        while ctx.get(self.dut.busy):
            await ctx.tick()
        await ctx.tick()

    def outcome(self, ctx: Any) -> Mapping[str, int]:
        names = ("done", "error", "code", "error_index", "command_index")
        return {name: ctx.get(getattr(self.dut, name)) for name in names}

    def run(self, testbench: Any) -> None:
        simulate(self.dut, testbench, background=[self.memory.reads(self.dut.read), self.engines, self.count_events])


def test_commands_go_to_their_engines_in_order() -> None:
    rng = random.Random(1)
    specs = [rng.choice(list(COMMANDS.values())) for _ in range(8)]
    bench = Bench([command(spec) for spec in specs])

    async def testbench(ctx: Any) -> None:
        await bench.start(ctx)
        await bench.wait(ctx)
        assert bench.outcome(ctx) == {"done": 1, "error": 0, "code": 0, "error_index": 0, "command_index": 7}

    bench.run(testbench)
    assert bench.issued == [(ROUTES[spec.opcode], command(spec)) for spec in specs]
    assert bench.completed == [sum(spec.engine == engine for spec in specs) for engine in ENGINES]
    assert bench.events["finished"] == bench.events["started"] == 1
    assert bench.events["clear_errors"] == len(specs)


@pytest.mark.parametrize("cycle", [1, 5, 30, 60])
def test_a_start_while_busy_is_not_taken(cycle: int) -> None:
    bench = Bench([command()] * 3, cycles=20)

    async def testbench(ctx: Any) -> None:
        await bench.start(ctx)
        await ctx.tick().repeat(cycle)
        bench.count = 7
        await bench.start(ctx)
        await bench.wait(ctx)

    bench.run(testbench)
    assert (len(bench.issued), bench.events["started"], bench.events["finished"]) == (3, 1, 1)


@pytest.mark.parametrize("before", [command(), command(m=0)], ids=["well", "refused"])
def test_a_start_forgets_how_the_last_program_ended(before: bytes) -> None:
    bench = Bench([command(VECTOR), before])
    running = {"done": 0, "error": 0, "code": ErrorCode.NONE, "error_index": 0, "command_index": 0}

    async def testbench(ctx: Any) -> None:
        for _ in range(2):
            await bench.start(ctx)
            assert ctx.get(bench.dut.busy)
            assert bench.outcome(ctx) == running
            assert not ctx.get(bench.dut.detail)
            await bench.wait(ctx)
            outcome = bench.outcome(ctx)
            assert (outcome["done"], outcome["command_index"]) == (1, 1)

    bench.run(testbench)


@pytest.mark.parametrize("bad", [False, True])
def test_the_index_of_a_command_has_32_bits(bad: bool) -> None:
    """The end of programs that no simulation comes to: the index carries into every bit, and the last one's is kept."""
    bench = Bench([command(VECTOR), command(m=0) if bad else command(VECTOR)])

    async def testbench(ctx: Any) -> None:
        for bit in range(32):
            await bench.start(ctx)
            ctx.set(bench.dut.command_index, (1 << bit) - 1)
            await bench.wait(ctx)
            outcome = bench.outcome(ctx)
            assert (outcome["command_index"], outcome["error_index"]) == (1 << bit, bad << bit)

    bench.run(testbench)


@pytest.mark.parametrize("bad", [0, 2])
def test_an_error_ends_the_program_at_its_command(bad: int) -> None:
    program = [command(VECTOR)] * 4
    program[bad] = command(m=0)
    bench = Bench(program)

    async def testbench(ctx: Any) -> None:
        await bench.start(ctx)
        await bench.wait(ctx)
        expected = {"code": ErrorCode.BAD_SHAPE, "error_index": bad, "command_index": bad}
        assert bench.outcome(ctx) == {"done": 1, "error": 1} | expected
        assert ctx.get(bench.dut.detail) == GEMM.field("m").word

    bench.run(testbench)
    assert (len(bench.issued), sum(bench.completed)) == (bad, bad)


@pytest.mark.parametrize("bus_error", ["read_slverr", "write_decerr", None])
def test_a_bus_error_outranks_the_engines(bus_error: str | None) -> None:
    bench = Bench([command()] * 2, error=ErrorCode.BAD_INDEX)

    async def testbench(ctx: Any) -> None:
        await bench.start(ctx)
        await ctx.tick().until(bench.dut.engine_valid != 0)
        if bus_error:
            ctx.set(bench.dut.bus_errors[bus_error], 1)
        await bench.wait(ctx)
        expected = ErrorCode[bus_error.upper()] if bus_error else ErrorCode.BAD_INDEX
        assert bench.outcome(ctx)["code"] == expected

    bench.run(testbench)
    assert bench.completed == [0] * len(ENGINES)


def test_after_the_watchdog_every_start_is_answered_with_its_error() -> None:
    bench = Bench([command()] * 2, cycles=1000)

    async def testbench(ctx: Any) -> None:
        for runs in (1, 2, 3):
            await bench.start(ctx, watchdog=60)
            await bench.wait(ctx)
            assert bench.outcome(ctx)["code"] == ErrorCode.WATCHDOG
            assert (bench.events["started"], bench.events["finished"]) == (runs, runs)
        assert ctx.get(bench.dut.watchdog) == 60

    bench.run(testbench)
    assert len(bench.issued) == 1
    assert bench.events["busy"] == 61


def test_every_opcode_needs_an_engine() -> None:
    with pytest.raises(ValueError, match="no engine takes AGGREGATE"):
        Sequencer(CONFIGS["tiny"], {opcode: 0 for opcode, spec in COMMANDS.items() if spec.name != "AGGREGATE"})
