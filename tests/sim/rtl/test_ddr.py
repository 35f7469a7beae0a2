"""The simulated memory, measured and provoked by a probe that masters the bus as its registers say (probe.v)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewright.driver.errors import BusProtocolError
from gatewright.spec.config import get_config
from gatewright.spec.dram import DDR3_1050_X16, DDR4_2400_X64
from gatewright.spec.memory import MemoryModel
from gatewright.spec.memory_port import ZYNQ7_HP, ZYNQMP_HP_64
from gatewright_sim.memory import MEMORY_BASE
from gatewright_sim.rtl.backend import RtlBackend

PROBE = (Path(__file__).parent / "probe.v").read_text()
MEMORY_BYTES = 1 << 16


@dataclass
class Result:
    """What the probe counted."""

    cycles: int
    first: int
    folded: int
    responses: int
    most_open: int


class Probe:
    """The probe behind a memory of 64 KiB."""

    def __init__(self, **options: Any) -> None:
        self.backend = RtlBackend(get_config("tiny"), verilog=PROBE, memory_bytes=MEMORY_BYTES, **options)
        self.words = self.backend.allocate(MEMORY_BYTES).array.view(np.uint64)
        self.words[:] = np.random.default_rng(0).integers(0, 1 << 63, len(self.words), dtype=np.uint64)

    def run(
        self,
        address: int = MEMORY_BASE,
        *,
        beats: int = 16,
        bursts: int = 64,
        write: bool = False,
        last: int | None = None,
        burst: int = 1,
        size: int = 3,
    ) -> Result:
        fields = beats - 1 | burst << 8 | size << 10
        last_beat = beats - 1 if last is None else last
        for offset, value in ((4, address), (8, fields), (12, bursts), (16, write), (20, last_beat), (0, 1)):
            self.backend.write(offset, int(value))
        assert self.backend.wait(10.0)
        cycles, first, low, high, responses, most = (self.backend.read(offset) for offset in range(0x20, 0x38, 4))
        return Result(cycles, first, low | high << 32, responses, most)


@pytest.fixture
def probe() -> Iterator[Probe]:
    made = Probe()
    yield made
    made.backend.close()


def _fold(words: np.ndarray) -> int:
    return int(np.bitwise_xor.reduce(words))


def test_reads_and_writes_whole_bursts(probe: Probe) -> None:
    result = probe.run(bursts=64)
    assert result.folded == _fold(probe.words[:1024])
    before = probe.words.copy()
    assert probe.run(MEMORY_BASE + 4096, beats=3, bursts=5, write=True).responses == 0
    written = [number << 32 | beat for number in range(5) for beat in range(3)]
    assert probe.words[512:527].tolist() == written
    before[512:527] = written
    assert np.array_equal(probe.words, before)  # nothing else
    assert probe.backend.beats == (1024, 15)


HP = replace(ZYNQ7_HP, burst_cycles=0.0)
CALM = replace(DDR3_1050_X16, refresh=0.0)


def _of_a_read(model: MemoryModel) -> int:
    """Cycles from an accepted address to the first beat, where all rows are shut."""
    dram = model.dram
    ns = dram.activate + (dram.read_clocks + 4) * dram.clock_ns + model.port.way_ns
    return model.port.way_cycles + ceil(ns * model.clock_mhz / 1000)


@pytest.mark.parametrize(
    ("model", "beats", "cycles"),
    [
        # 1024 beats in all. Full rate: latency, then a beat a cycle.
        (MemoryModel(port=HP), 16, 22 + 1024),
        (MemoryModel(200.0, port=HP), 16, 31 + 1024),
        (MemoryModel(200.0, DDR4_2400_X64, ZYNQMP_HP_64), 16, 30 + 1024 + 64 * 0.4),
        (MemoryModel(port=replace(HP, way_cycles=0, way_ns=0.0)), 16, 4 + 1024),
        (
            MemoryModel(port=replace(HP, way_cycles=90)),
            16,
            100 + 1024,
        ),  # 8 bursts of 16 beats in flight hide 100 cycles
        (MemoryModel(port=replace(HP, way_cycles=190)), 16, 200 + 128 + 7 * (200 + 16)),  # not 200
        (MemoryModel(port=replace(HP, way_cycles=190, commands=16)), 16, 200 + 1024),
        (MemoryModel(port=replace(HP, burst_cycles=1.5)), 16, 22 + 64 * 17.5),
        # One burst at a time pays the latency for each: the first of a row some more.
        (MemoryModel(port=replace(HP, commands=1)), 16, 64 * (20.5 + 16)),
        # Two bursts of one beat in flight: latency for each pair.
        (MemoryModel(port=replace(HP, commands=2)), 1, 1024 // 2 * 21.5),
        # 4 of 8 bytes a cycle: half the rate. 21 bytes are more than the port takes.
        (MemoryModel(dram=replace(CALM, mega_transfers=200.0), port=HP), 16, 30 + 2 * 1024),
        (MemoryModel(dram=replace(CALM, mega_transfers=300.0), port=HP), 16, 26 + 1024 * 8 // 6),
    ],
)
def test_read_time(model: MemoryModel, beats: int, cycles: float) -> None:
    probe = Probe(memory=model)
    result = probe.run(beats=beats, bursts=1024 // beats)
    assert _of_a_read(model) <= result.first <= _of_a_read(model) + 2
    assert result.cycles == pytest.approx(cycles, rel=0.015, abs=4)
    assert result.most_open == min(model.port.commands, 1024 // beats)
    assert result.folded == _fold(probe.words[:1024])
    assert result.cycles >= model.min_cycles(8192, 0)
    assert result.first <= model.slowest_beat
    probe.backend.close()


@pytest.mark.parametrize(
    ("model", "cycles"),
    [
        (MemoryModel(port=HP), 1024 + 23),
        (MemoryModel(port=replace(HP, way_cycles=90)), 1024 + 100),
        (MemoryModel(port=replace(HP, commands=1)), 64 * (1 + 16 + 25.7)),
        (MemoryModel(dram=replace(CALM, mega_transfers=200.0), port=HP), 2 * 1024 + 30),
    ],
)
def test_write_time(model: MemoryModel, cycles: int) -> None:
    probe = Probe(memory=model)
    result = probe.run(write=True)
    assert result.cycles == pytest.approx(cycles, rel=0.03, abs=6)
    assert result.most_open == min(model.port.commands, 16)
    probe.backend.close()


@pytest.mark.parametrize("write", [False, True])
def test_a_run_takes_as_long_whenever_it_begins(probe: Probe, write: bool) -> None:
    """Rows and refreshes of what came before are forgotten where the memory was at rest."""
    times = set()
    for pause in (40, 300, 1234, 12_345):
        for _ in range(pause):
            probe.backend.read(0x20)
        times.add(probe.run(bursts=200, beats=4, address=MEMORY_BASE, write=write).cycles)
    assert len(times) == 1


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(
    ("address", "responses"),
    [
        (MEMORY_BASE - 128, 3),
        (MEMORY_BASE + MEMORY_BYTES, 3),
        (0, 3),
        (MEMORY_BASE + MEMORY_BYTES - 128, 0),
        (MEMORY_BASE + 1024, 2),
        (MEMORY_BASE + 1024 + 128, 0),
        (MEMORY_BASE + 1024 - 128, 0),
    ],
)
def test_error_responses(probe: Probe, address: int, responses: int, write: bool) -> None:
    before = probe.words.copy()
    probe.backend.faults.slverr = (MEMORY_BASE + 1024, MEMORY_BASE + 1024 + 128)
    result = probe.run(address, bursts=1, write=write)
    assert result.responses == responses
    if responses:
        assert result.folded == 0
        assert np.array_equal(probe.words, before)


@pytest.mark.parametrize("write", [False, True])
def test_stalls_change_the_time_and_nothing_else(probe: Probe, write: bool) -> None:
    calm = probe.run(write=write)
    seen = []
    for seed in (1, 1, 2):
        stalled = Probe(stalls=0.3, seed=seed)
        result = stalled.run(write=write)
        assert result.cycles > 1.2 * calm.cycles
        assert result.folded == calm.folded
        assert np.array_equal(stalled.words, probe.words)
        seen.append(result.cycles)
        stalled.backend.close()
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"address": MEMORY_BASE + 4}, r"memory port 0, channel AR: address is not a multiple of 8 \(0x10000004\)"),
        (
            {"address": MEMORY_BASE + 4096 - 64},
            r"memory port 0, channel AR: burst crosses 4 KiB, address \(0x10000fc0\)",
        ),
        ({"beats": 17}, r"memory port 0, channel AR: burst has more than 16 beats, length field \(0x10\)"),
        ({"size": 2}, r"memory port 0, channel AR: size is not 8 bytes, size field \(0x2\)"),
        ({"burst": 0}, r"memory port 0, channel AR: burst is not INCR, burst field \(0\)"),
        ({"address": MEMORY_BASE + 8 * 500, "write": True}, "memory port 0, channel AW: burst crosses 4 KiB"),
        ({"last": 3, "write": True}, "memory port 0, channel W: last is not with the last beat, address"),
    ],
)
def test_what_breaks_a_rule_of_axi_is_reported(probe: Probe, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BusProtocolError, match=f"^AXI: cycle [0-9]+, {message}"):
        probe.run(**settings)
    probe.backend.reset()
    assert probe.run(bursts=2).folded == _fold(probe.words[:32])


def test_a_hung_bus_answers_again_after_a_reset(probe: Probe) -> None:
    probe.backend.faults.hang = True
    for offset, value in ((4, MEMORY_BASE), (8, 15 | 1 << 8 | 3 << 10), (12, 4), (16, 0), (0, 1)):
        probe.backend.write(offset, value)
    assert not probe.backend.wait(0.01)
    probe.backend.reset()
    assert probe.run(bursts=2).folded == _fold(probe.words[:32])


def test_register_accesses_that_fail(probe: Probe) -> None:
    with pytest.raises(BusProtocolError, match="register write at offset 0x800 was answered with error response 2"):
        probe.backend.write(0x800, 0)
    with pytest.raises(BusProtocolError, match="register read at offset 0x400 was not answered"):
        probe.backend.read(0x400)
