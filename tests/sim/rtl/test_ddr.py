"""The simulated memory, measured and provoked by a probe that masters the bus as its registers say (probe.v)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewright.driver.errors import BusProtocolError
from gatewright.spec.config import get_config
from gatewright.spec.memory import MemoryModel
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


@pytest.mark.parametrize(
    ("model", "beats", "cycles"),
    [
        # 1024 beats in all. Full rate: latency, then a beat a cycle.
        (MemoryModel(), 16, 48 + 1024),
        (MemoryModel(read_latency=1), 16, 1 + 1024),
        (MemoryModel(read_latency=100), 16, 100 + 1024),  # 8 bursts of 16 beats in flight hide 100 cycles
        (MemoryModel(read_latency=200), 16, 200 + 128 + 7 * (200 + 16)),  # not 200: 8, then each 8 behind those before
        (MemoryModel(read_latency=200, outstanding_reads=16), 16, 200 + 1024),
        # One burst at a time pays the latency for each (and a cycle to accept the next after the last beat).
        (MemoryModel(outstanding_reads=1), 16, 64 * (48 + 16)),
        # Two bursts of one beat in flight: latency for each pair.
        (MemoryModel(outstanding_reads=2), 1, 1024 // 2 * (48 + 1)),
        # 4 of 8 bytes a cycle: half the rate. 20 bytes are more than the port takes.
        (MemoryModel(dram_bytes_per_cycle=4), 16, 48 + 2 * 1024),
        (MemoryModel(dram_bytes_per_cycle=6), 16, 48 + 1024 * 8 // 6),
        (MemoryModel(dram_bytes_per_cycle=20), 16, 48 + 1024),
    ],
)
def test_read_time(model: MemoryModel, beats: int, cycles: int) -> None:
    probe = Probe(memory=model)
    result = probe.run(beats=beats, bursts=1024 // beats)
    assert result.first == model.read_latency
    assert result.cycles == pytest.approx(cycles, rel=0.01, abs=4)
    assert result.most_open == min(model.outstanding_reads, 1024 // beats)
    assert result.folded == _fold(probe.words[:1024])
    assert result.cycles >= model.min_cycles(8192, 0)
    probe.backend.close()


@pytest.mark.parametrize(
    ("model", "cycles"),
    [
        (MemoryModel(), 1024 + 24),
        (MemoryModel(write_latency=100), 1024 + 100),
        (MemoryModel(outstanding_writes=1), 64 * (1 + 16 + 24)),
        (MemoryModel(dram_bytes_per_cycle=4), 2 * 1024 + 24),
    ],
)
def test_write_time(model: MemoryModel, cycles: int) -> None:
    probe = Probe(memory=model)
    result = probe.run(write=True)
    assert result.cycles == pytest.approx(cycles, rel=0.02, abs=4)
    assert result.most_open == min(model.outstanding_writes, 16)
    probe.backend.close()


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
        ({"address": MEMORY_BASE + 4}, r"channel AR: address is not a multiple of 8 \(0x10000004\)"),
        ({"address": MEMORY_BASE + 4096 - 64}, r"channel AR: burst crosses 4 KiB, address \(0x10000fc0\)"),
        ({"beats": 17}, r"channel AR: burst has more than 16 beats, length field \(0x10\)"),
        ({"size": 2}, r"channel AR: size is not 8 bytes, size field \(0x2\)"),
        ({"burst": 0}, r"channel AR: burst is not INCR, burst field \(0\)"),
        ({"address": MEMORY_BASE + 8 * 500, "write": True}, "channel AW: burst crosses 4 KiB"),
        ({"last": 3, "write": True}, "channel W: last is not with the last beat, address"),
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
