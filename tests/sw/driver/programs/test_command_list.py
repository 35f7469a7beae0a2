"""Command lists: what they decode, and the watchdog that they ask for."""

from __future__ import annotations

from dataclasses import replace

from gatewright.driver.programs.command_list import CommandList, add_bounds
from gatewright.spec.commands import GEMM, GemmFlags, decode, encode
from gatewright.spec.config import get_config
from gatewright.spec.memory import MemoryModel
from gatewright.spec.memory_port import ZYNQ7_HP
from gatewright.spec.registers import ENGINES
from gatewright.spec.tiling import gemm_read_beats

TINY = get_config("tiny")


def _gemm(flags: int = 0, **sizes: int) -> bytes:
    values = {field.name: 0 for field in GEMM.fields} | sizes
    return encode(GEMM, GemmFlags.OUT_INT32 | flags, **values)


def _listed(*commands: bytes, memory: MemoryModel | None = None) -> CommandList:
    return CommandList(commands, TINY, memory or MemoryModel())


def test_the_watchdog_allows_for_work_and_latency() -> None:
    small, large = [_gemm(m=1, n=1, k=1)], [_gemm(m=1, n=1, k=1), _gemm(m=200, n=200, k=512)]
    slow = MemoryModel(port=replace(ZYNQ7_HP, way_cycles=10_000, commands=1))
    assert 100_000 < _listed(*small).watchdog_cycles < 101_000
    compute = 200 * 200 * 512 // 32
    beats = gemm_read_beats(200, 200, 512, TINY, resident_a=False)
    assert _listed(*large).watchdog_cycles > 4 * (compute + beats)
    assert _listed(*large, memory=slow).watchdog_cycles > 10_000 * beats
    assert _listed(bytes(64)).watchdog_cycles == 100_000
    assert _listed(_gemm(m=2**24 - 1, n=2**24 - 1, k=512)).watchdog_cycles == 2**32 - 1


def test_the_watchdog_is_for_the_largest_sizes() -> None:
    """Those that the list is made with, whatever it runs with first."""
    program = _listed(_gemm(m=200, n=200, k=512))
    before = program.watchdog_cycles
    program.replace(0, _gemm(m=1, n=1, k=1))
    assert program.watchdog_cycles == before


def test_a_program_decodes_only_what_is_there() -> None:
    program = _listed(_gemm(m=3, n=1, k=1), bytes(64))
    assert program.nbytes == len(program.image()) == 128
    command = program.decode(0)
    assert command is not None
    assert command["m"] == 3
    assert program.decode(1) is None
    assert program.decode(2) is None


def test_the_least_cycles_are_those_of_each_command() -> None:
    """One is bound by arithmetic, the other by memory: neither can hide behind the other, since they run in turn."""
    deep, flat = _gemm(m=64, n=64, k=512), _gemm(m=200, n=200, k=1)
    alone = [_listed(command).bounds["gemm"] for command in (deep, flat)]
    assert [compute > bytes_ for compute, bytes_, _ in alone] == [True, False]
    assert _listed(deep, flat).bounds["gemm"] == tuple(map(sum, zip(*alone, strict=True)))
    assert [least for *_, least in alone] == [max(each[:2]) for each in alone]
    program = _listed(deep, flat)
    for _ in range(2):
        program.replace(1, deep)
        assert program.bounds["gemm"] == alone[0]
        assert program.replaced == {1: deep}
    sums = dict.fromkeys(ENGINES, (0, 0, 0))
    add_bounds(sums, decode(deep), 1, TINY, MemoryModel())
    assert sums == dict.fromkeys(ENGINES, (0, 0, 0)) | {"gemm": alone[0]}
