"""The cocotb runner: cache, results, waves, failures."""

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gatewright.driver.errors import BackendUnavailable
from gatewright_hw.parts.stream_register import StreamRegister
from gatewright_hw.verilog import to_verilog
from gatewright_sim.benches.harness import runner
from gatewright_sim.benches.harness.runner import BenchError, build_simulator, run_cocotb

BENCH = """
import os
import cocotb
from cocotb.triggers import Timer

@cocotb.test()
async def right(dut):
    dut.i_payload.value = int(os.environ.get("WORD", "5"))
    dut.i_valid.value = 1
    dut.o_ready.value = 0
    dut.rst.value = 0
    for level in (0, 1):
        dut.clk.value = level
        await Timer(1, "ns")
    assert int(dut.o_payload.value) == 5

@cocotb.test()
async def wrong(dut):
    assert False, "as it should be"

@cocotb.test()
async def endless(dut):
    while True:
        await Timer(1, "ns")
"""


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "register_bench.py").write_text(BENCH)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("GATEWRIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield to_verilog(StreamRegister(8), "stream_register")


def run(design: str, testcase: str, **options) -> int:
    return run_cocotb(design, "stream_register", "register_bench", testcase=testcase, **options)


def test_a_right_test(design: str, tmp_path: Path) -> None:
    junit = tmp_path / "results" / "junit.xml"
    assert run(design, "right", junit=junit) == 1
    case = next(ElementTree.parse(junit).getroot().iter("testcase"))
    assert case.get("name") == "right"


def test_a_design_is_built_once(design: str) -> None:
    first = build_simulator(design, "stream_register")
    made = (first / "stream_register").stat().st_mtime_ns
    assert build_simulator(design, "stream_register") == first
    assert (first / "stream_register").stat().st_mtime_ns == made
    assert build_simulator(StreamRegister(8), "stream_register") == first


def test_the_environment_reaches_the_test(design: str) -> None:
    with pytest.raises(BenchError, match=r"1 of 1 tests failed: register_bench\.right"):
        run(design, "right", environment={"WORD": "6"})


def test_a_failure_is_raised_with_the_log(design: str) -> None:
    with pytest.raises(BenchError, match=r"(?s)1 of 1 tests failed: register_bench\.wrong.*as it should be"):
        run(design, "wrong")


def test_no_test_is_a_failure(design: str) -> None:
    with pytest.raises(BenchError, match="no test matches"):
        run(design, "missing")


def test_a_test_that_never_ends_is_stopped(design: str) -> None:
    with pytest.raises(BenchError, match="limit 3 s"):
        run(design, "endless", timeout_s=3)


def test_a_full_disk_is_no_failed_test(design: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(runner._PortsOnly, "test", lambda *_, **__: None)
    with pytest.raises(BenchError, match="left no results"):
        run(design, "right")
    monkeypatch.setattr(runner.tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(OSError, match="No space left"):
        run(design, "right")


def test_waves(design: str, tmp_path: Path) -> None:
    waves = tmp_path / "out.fst"
    assert run(design, "right", waves=waves) == 1
    assert waves.stat().st_size > 100


def test_bad_verilog_is_no_failed_test(design: str) -> None:
    with pytest.raises(BackendUnavailable, match="Verilator could not build broken"):
        build_simulator("module broken(input a; endmodule", "broken")
