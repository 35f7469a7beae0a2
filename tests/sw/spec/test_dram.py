"""DRAMs and ports: their limits, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gatewright.spec.dram import DDR3_1050_X16, DDR3_1066_X32, DDR4_2400_X64, Dram
from gatewright.spec.errors import SpecError
from gatewright.spec.memory_port import ZYNQ7_HP


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mega_transfers": 0}, r"mega_transfers is 0, allowed 1\.\.100000"),
        ({"bits": 128}, r"bits is 128, allowed 8\.\.64"),
        ({"bits": 24}, "bits is 24, allowed: powers of two"),
        ({"banks": 12}, "banks is 12, allowed: powers of two"),
        ({"bank_groups": 0}, r"bank_groups is 0, allowed 1\.\.8"),
        ({"banks": 1, "bank_groups": 2}, "1 banks in 2 groups"),
        ({"row_bytes": 8}, "rows of 8 bytes: allowed are .* rows of an access, 16 bytes, at least"),
        ({"activate": -1.0}, r"activate is -1\.0, allowed 0\.\.1000000"),
        ({"refresh_period": 0.0}, r"refresh_period is 0\.0, allowed 100\.\.1000000"),
        ({"queue": 0}, r"queue is 0, allowed 1\.\.64"),
        ({"write_high": 65}, "write_high is 65"),
        ({"run": 0}, "run is 0"),
        ({"refresh": float("nan")}, "refresh is nan"),
    ],
)
def test_drams_out_of_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"DRAM: .*{message}"):
        replace(DDR3_1050_X16, **change)


@pytest.mark.parametrize(
    ("dram", "access_bytes", "gigabytes"),
    [(DDR3_1050_X16, 16, 2.1), (DDR3_1066_X32, 32, 4.267), (DDR4_2400_X64, 64, 19.2)],
)
def test_what_follows(dram: Dram, access_bytes: int, gigabytes: float) -> None:
    assert dram.access_bytes == access_bytes
    assert dram.bytes_per_second / 1e9 == pytest.approx(gigabytes, rel=1e-3)
    assert dram.clock_ns == pytest.approx(2000 / dram.mega_transfers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beat_bytes": 4}, r"beat_bytes is 4, allowed 8, 16"),
        ({"beat_bytes": 12}, r"beat_bytes is 12, allowed 8, 16"),
        ({"commands": 0}, r"commands is 0, allowed 1\.\.64"),
        ({"way_cycles": -1}, r"way_cycles is -1, allowed 0\.\.10000"),
        ({"way_ns": 10_001.0}, r"way_ns is 10001\.0"),
        ({"burst_cycles": 17.0}, r"burst_cycles is 17\.0, allowed 0\.\.16"),
    ],
)
def test_ports_out_of_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"memory port: {message}"):
        replace(ZYNQ7_HP, **change)
