"""What others have measured of the memories of these boards, and the model beside it.

Sources: [1] Torch2RISCV-accelerator, tests/baselines/pynq-z1/perf.md; [2] the same, docs/k2b_gemv_design.md; [3]
bitnet-kv260, docs/measurements.md; [4] UG585, "DDR Efficiency", by type of access (ports of 150 MHz, DDR3-1050; four
ports and a bus of 32 bits are assumed). [2] and [3] do not say at which clock: 300 MHz is assumed, at which four ports
could take more than the DRAM has. Where in the DRAM several streams lie is not published either, and matters: the
model's share is the mean over some distances between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import mean

from gatewright.spec.dram import DDR3_1050_X16, DDR4_2400_X64, Dram
from gatewright.spec.memory_port import ZYNQ7_HP, ZYNQMP_HP, MemoryPort
from gatewright_sim.dram.traffic import Stream, rates

__all__ = ["MEASUREMENTS", "Measurement"]

_WINDOW = 16 << 20
_DISTANCES = (1.0, 2.0, 3.0, 4.5, 5.0625)
"""Between streams, in rows of a group's banks, beyond a multiple of all banks."""
_CYCLES = 30_000
_FULL_PORTS, _FULL_DRAM = "of the ports", "of the DRAM"


@dataclass(frozen=True)
class Measurement:
    """One published figure: ``share`` of the peak of what it is a share ``of``, met by the model within ``within``,
    relative."""

    what: str
    source: str
    share: float
    of: str
    within: float
    dram: Dram
    port: MemoryPort
    clock_mhz: float
    streams: tuple[Stream, ...]

    @property
    def model(self) -> float:
        """The same share as the model has it."""
        moved = mean(sum(self._rates(distance)) for distance in _DISTANCES)
        if self.of == _FULL_PORTS:
            return moved / len(self.streams)
        return moved * self.port.beat_bytes * self.clock_mhz * 1e6 / self.dram.bytes_per_second

    def _rates(self, distance: float) -> tuple[float, ...]:
        """Beats a cycle of each stream, each so many rows of all banks behind the one before."""
        step = 4 * _WINDOW + round(distance * self.dram.row_bytes) * self.dram.bank_groups
        apart = [replace(stream, start=number * step) for number, stream in enumerate(self.streams)]
        return rates(self.dram, self.port, self.clock_mhz, apart, _CYCLES)


def _hp(mhz: float, beats: int, share: float, within: float) -> Measurement:
    what = f"S_AXI_HP at {mhz:g} MHz, bursts of {beats}"
    streams = (Stream(0, _WINDOW, beats),)
    return Measurement(what, "1", share, _FULL_PORTS, within, DDR3_1050_X16, ZYNQ7_HP, mhz, streams)


_KV260_INPUTS = (0, 1, 1, 2)
"""Inputs of the controller behind HP0 to HP3 (UG1085, "DDR subsystem": HP1 and HP2 share one)."""


def _kv260(ports: tuple[int, ...], source: str, share: float, of: str) -> Measurement:
    what = "KV260: " + ", ".join(f"HP{port}" for port in ports)
    streams = tuple(Stream(0, _WINDOW, input=_KV260_INPUTS[port]) for port in ports)
    return Measurement(what, source, share, of, 0.02, DDR4_2400_X64, ZYNQMP_HP, 300.0, streams)


def _ug585(what: str, share: float, writes: float, scattered: bool) -> Measurement:
    dram = replace(DDR3_1050_X16, bits=32, row_bytes=4096)
    streams = tuple(Stream(0, _WINDOW, input=which, writes=writes, scattered=scattered) for which in (0, 0, 1, 1))
    return Measurement(f"Zynq-7000, HP0-3: {what}", "4", share, _FULL_DRAM, 0.10, dram, ZYNQ7_HP, 150.0, streams)


MEASUREMENTS = (
    _hp(50.0, 16, 0.993, 0.02),
    _hp(100.0, 16, 0.992, 0.02),
    _hp(50.0, 1, 0.476, 0.10),
    _hp(100.0, 1, 0.380, 0.10),
    _kv260((1,), "2", 0.978, _FULL_PORTS),
    _kv260((1, 3), "2", 0.955, _FULL_PORTS),
    _kv260((0, 1, 2, 3), "3", 0.83, _FULL_DRAM),
    _ug585("reads", 0.97, 0.0, False),
    _ug585("reads, scattered", 0.92, 0.0, True),
    _ug585("writes", 0.90, 1.0, False),
    _ug585("writes, scattered", 0.87, 1.0, True),
    _ug585("reads and writes", 0.87, 0.5, False),
    _ug585("reads and writes, scattered", 0.79, 0.5, True),
)
