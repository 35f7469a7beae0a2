"""The simulated DRAM's rules, seen from its ports: rows, refreshes, turns, order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.spec.dram import DDR3_1050_X16, DDR4_2400_X64, Dram
from gatewright.spec.errors import SpecError
from gatewright.spec.memory_port import ZYNQ7_HP, ZYNQMP_HP, MemoryPort
from gatewright_sim.dram.traffic import Stream, rates

WINDOW = 1 << 20
WIDE = replace(ZYNQMP_HP, burst_cycles=0.0, way_cycles=0, way_ns=0.0, commands=64)
"""A port that costs nothing: the DRAM alone is the limit."""


CALM = replace(DDR3_1050_X16, refresh=0.0)
FAST_MHZ = 400.0
"""At which one of these ports takes more than a 16-bit DRAM has."""


def _share(dram: Dram, *streams: Stream, port: MemoryPort = WIDE) -> float:
    """Of the DRAM's peak."""
    moved = sum(rates(dram, port, FAST_MHZ, streams))
    return moved * port.beat_bytes * FAST_MHZ * 1e6 / dram.bytes_per_second


def test_an_open_row_gives_all_that_the_bus_has() -> None:
    assert _share(CALM, Stream(0, 2048)) == pytest.approx(1.0, abs=0.005)


def test_refreshes_take_their_share() -> None:
    lost = (DDR3_1050_X16.refresh + DDR3_1050_X16.activate) / DDR3_1050_X16.refresh_period
    assert _share(DDR3_1050_X16, Stream(0, 2048)) == pytest.approx(1 - lost, abs=0.006)
    twice = replace(DDR3_1050_X16, refresh_period=3900.0)
    assert _share(twice, Stream(0, 2048)) == pytest.approx(1 - 2 * lost, abs=0.01)


def test_rows_of_one_bank_wait_for_each_other() -> None:
    """Accesses that alternate between two rows of a bank, one at a time: each closes a row and opens the other."""
    dram = replace(CALM, queue=1)
    rows = 8 * 2048
    streams = Stream(0, 16, beats=1), Stream(rows, 16, beats=1)
    cycle = max(dram.open_least, dram.activate + dram.read_to_precharge) + dram.precharge
    assert _share(dram, *streams) == pytest.approx(4 * dram.clock_ns / cycle, rel=0.03)
    next_bank = Stream(0, 16, beats=1), Stream(rows + 2048, 16, beats=1)
    assert _share(dram, *next_bank) == pytest.approx(1.0, abs=0.01)


def test_a_controller_that_looks_ahead_uses_open_rows_first() -> None:
    streams = Stream(0, 2048, beats=1), Stream(8 * 2048, 2048, beats=1)
    shares = [_share(replace(CALM, queue=queue), *streams) for queue in (1, 4, 16, 64)]
    assert shares == sorted(shares)
    assert shares[-1] > 1.5 * shares[0]


def test_four_rows_at_a_time_are_opened() -> None:
    """Scattered accesses of one burst each, past what tFAW allows."""
    dram = replace(CALM, queue=64, four_activates=500.0)
    expected = 4 * 16 / 500.0e-9 / dram.bytes_per_second
    assert _share(dram, Stream(0, 64 << 20, beats=1, scattered=True)) == pytest.approx(expected, rel=0.03)


def test_groups_of_banks_take_turns() -> None:
    """On DDR4, accesses in one group come every 5 ns; blocks that follow each other lie in two."""
    calm = replace(DDR4_2400_X64, refresh=0.0)
    streams = tuple(Stream(number * 8192 * 2, 8192, input=number) for number in range(4))
    fast = sum(rates(calm, WIDE, 600.0, streams)) * 16 * 600e6 / calm.bytes_per_second
    one_group = replace(calm, bank_groups=1)
    slow = sum(rates(one_group, WIDE, 600.0, streams)) * 16 * 600e6 / calm.bytes_per_second
    assert fast > 0.97
    assert slow == pytest.approx(4 * calm.clock_ns / calm.group_access, rel=0.02)


def test_turning_the_bus_costs() -> None:
    mixed = Stream(0, 2048, writes=0.5)
    shares = [_share(replace(CALM, run=run, queue=64), mixed) for run in (1, 8, 64)]
    assert shares == sorted(shares)
    assert shares[0] < 0.7 * shares[-1]
    assert shares[-1] < _share(CALM, Stream(0, 2048, writes=1.0)) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("writes", [0.0, 0.5, 1.0])
def test_no_stream_starves(writes: float) -> None:
    """Not even one whose rows are always shut, beside others whose rows are always open."""
    open_rows = [Stream(number * 2048, 2048, input=number, writes=writes) for number in range(3)]
    shut = Stream(1 << 24, 16 << 20, input=3, writes=writes, scattered=True)
    moved = rates(DDR3_1050_X16, ZYNQ7_HP, 200.0, (*open_rows, shut))
    assert min(moved) > 0.5 * max(moved)


def test_inputs_share_alike() -> None:
    """Two ports behind one input of the controller get half of what a port with an input of its own gets, at most."""
    streams = [Stream(number << 24, WINDOW, input=which) for number, which in enumerate((0, 1, 1, 2))]
    hp0, hp1, hp2, hp3 = rates(DDR4_2400_X64, ZYNQMP_HP, 333.0, streams)
    assert hp1 == pytest.approx(hp2, rel=0.05)
    assert hp0 == pytest.approx(hp3, rel=0.05)
    assert 0.4 * hp0 < hp1 < 0.95 * hp0


@pytest.mark.parametrize("clock_mhz", [25.0, 100.0, 150.0])
def test_the_way_takes_cycles_and_nanoseconds(clock_mhz: float) -> None:
    """One burst of a beat at a time, in an open row."""
    one = replace(ZYNQ7_HP, commands=1, burst_cycles=0.0)
    (moved,) = rates(CALM, one, clock_mhz, (Stream(0, 2048, beats=1),))
    period = 1000 / clock_mhz
    dram_ns = (CALM.read_clocks + 4) * CALM.clock_ns
    least = (one.way_cycles * period + one.way_ns + dram_ns) / period
    assert least <= 1 / moved <= least + 2.1


@pytest.mark.parametrize("burst_cycles", [0.0, 0.25, 1.0, 3.5])
def test_bursts_cost_cycles(burst_cycles: float) -> None:
    port = replace(ZYNQ7_HP, burst_cycles=burst_cycles)
    (moved,) = rates(CALM, port, 100.0, (Stream(0, WINDOW),))
    assert moved == pytest.approx(16 / (16 + burst_cycles), rel=0.002)


def test_streams_out_of_range() -> None:
    with pytest.raises(SpecError, match=r"stream: beats is 17, allowed 1\.\.16"):
        Stream(0, WINDOW, beats=17)
    with pytest.raises(SpecError, match="stream: start is 64, allowed: multiples of 128, its bursts' bytes"):
        rates(CALM, ZYNQ7_HP, 100.0, (Stream(64, WINDOW),))
    with pytest.raises(SpecError, match="stream: nbytes is 100, allowed: multiples of 128"):
        rates(CALM, ZYNQ7_HP, 100.0, (Stream(0, 100),))
