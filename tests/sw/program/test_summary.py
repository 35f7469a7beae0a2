"""What `gatewright compile` and `gatewright inspect` tell of a program."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gatewright.program import UnsupportedProgram
from gatewright.program.summary import config_of, summarise
from gatewright.spec.config import get_config
from gatewright.spec.dram import DDR3_1050_X16
from gatewright.spec.memory import MemoryModel

TINY = get_config("tiny")


def test_commands_and_layers(programs: Any) -> None:
    program = programs.linear(3)
    summary = summarise(program, program.variants[0], TINY)
    assert [command.index for command in summary.commands] == [0, 1, 2]
    first = summary.commands[0]
    assert (first.opcode, first.engine, first.node, first.shape) == ("GEMM", "gemm", "fc", "[4, 24] x [24, 9]")
    assert first.min_cycles_compute == 4 * 9 * 24 * TINY.array_depth // TINY.macs_per_cycle  # B is not narrow
    assert first.min_cycles_memory == MemoryModel().min_cycles(4 * 24 + 9 * 24, 4 * 4 * 9, TINY.read_ports)
    assert (first.min_cycles, first.bound) == (27, "compute")
    assert summary.layers[0].min_cycles == summary.min_cycles == 3 * 27
    assert summary.layers[0].error == 0.25
    assert (summary.fabric_steps, summary.host, summary.title) == (1, (), "all sizes")


def test_bounds_follow_the_memory_model(programs: Any) -> None:
    program = programs.linear()
    slow = summarise(program, program.variants[0], TINY, MemoryModel(dram=replace(DDR3_1050_X16, mega_transfers=50.0)))
    assert slow.min_cycles == 4 * 24 + 9 * 24 + 4 * 9 * 4


def test_host_steps_count_what_they_move(programs: Any) -> None:
    program = programs.with_host_step()
    summary = summarise(program, program.variants[0], TINY)
    assert summary.fabric_steps == 2
    assert [command.index for command in summary.commands] == [0, 1]
    assert [command.step for command in summary.commands] == [0, 2]
    (entry,) = summary.host
    assert (entry.step, entry.node, entry.reason) == (1, "relu", "a test keeps it on the host")
    assert entry.moved_bytes == (3 * 40 + 36) + (3 * 16 + 9)  # h: rows of 9 int32 in 40 bytes; r: of 9 int8 in 16


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("attention", "8 queries, 8 keys, 1 heads of 16"),
        ("aggregate", "[5, 7] of 32 edges, 8 features"),
        ("vector", "[2, 8] add table, int8 to int16"),
    ],
)
def test_shapes_in_words(name: str, shape: str, programs: Any) -> None:
    program = getattr(programs, name)()
    assert summarise(program, program.variants[0], TINY).commands[0].shape == shape


def test_the_config_of_a_program(programs: Any) -> None:
    assert config_of(programs.linear()) is TINY


@pytest.mark.parametrize("changes", [{"config": "own"}, {"config_hash": 1}], ids=str)
def test_a_config_that_this_release_does_not_have(changes: dict[str, Any], programs: Any) -> None:
    with pytest.raises(UnsupportedProgram, match=r"program .test. is compiled for config .* this release has tiny"):
        config_of(replace(programs.linear(), **changes))
