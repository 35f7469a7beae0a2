"""Runs cocotb tests on a design under Verilator.

    run_cocotb(StreamRegister(8), "stream_register", "my_package.register_bench", testcase="keeps_its_payload")

The simulator of a design is compiled once and kept in the cache, named by a hash of the Verilog text and of the
tools' versions.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

from amaranth.lib import wiring
from cocotb_tools.config import libs_dir
from cocotb_tools.runner import Verilator

from gatewright.cache import cached_directory, digest
from gatewright.driver.errors import BackendUnavailable
from gatewright.signals import EndedBySignal
from gatewright.spec.errors import GatewrightError
from gatewright_hw.verilog import to_verilog
from gatewright_sim.cxx import find_cxx
from gatewright_sim.fst import fst_build_args
from gatewright_sim.verilator import find_verilator

__all__ = ["BenchError", "build_simulator", "run_cocotb"]

START = {False: "fast", True: "unique"}
"""How a register without an initial value begins: at 0, or at what the run's seed gives."""
MAKE_ARGS = ("OPT_FAST=-O1", "OPT_SLOW=-O0")
LOG_LINES = 80


class BenchError(GatewrightError, AssertionError):
    """A cocotb test failed, or the simulator ended without results; the message holds the end of its log."""


class _PortsOnly(Verilator):
    """cocotb's Verilator runner, but tests see the top's ports only, so that Verilator may optimise the rest, and
    the C++ compiler, which is ours, spends no time on code that runs once."""

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        place = verilate.index("--public-flat-rw")
        compiler = shlex.join(find_cxx())
        arguments = (*MAKE_ARGS, f"CXX={compiler}", f"LINK={compiler}")
        return [[*verilate[:place], "--public-depth", "1", *verilate[place + 1 :]], [*make, *arguments]]


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else ["(no log)"]
    return "\n".join(lines[-LOG_LINES:])


def build_simulator(
    design: wiring.Component | str, name: str, *, waves: bool = False, random_start: bool = False
) -> Path:
    """Compile ``design`` (a component, or Verilog text whose top module is ``name``) with cocotb's main program.
    ``random_start``: registers without an initial value may begin at random.

    Returns the cached directory that holds the executable ``name``; a design seen before is not built again. Raises
    :class:`BackendUnavailable` with the tools' output where it cannot be built.
    """
    text = design if isinstance(design, str) else to_verilog(design, name)
    compiler, verilator = find_cxx(), find_verilator()
    tools = (version("verilator"), version("cocotb"), *compiler)
    start = ("--x-initial", START[random_start])
    build_args = ("-O3", "--x-assign", "fast", *start, "--output-split", "0", "-Wno-fatal", "-Wno-lint")
    key = digest(text, name, *build_args, *MAKE_ARGS, f"waves={waves}", *tools)

    def make(path: Path) -> None:
        source = path / f"{name}.v"
        source.write_text(text)
        log = path / "build.log"
        place = None if " " in str(path) else path  # make knows no spaces
        with tempfile.TemporaryDirectory(prefix="gatewright-build-", dir=place) as work:
            try:
                with _environment(**verilator.environment):
                    _PortsOnly().build(
                        sources=[source],
                        hdl_toplevel=name,
                        build_dir=work,
                        build_args=[*build_args, *(fst_build_args(compiler, Path(work)) if waves else ())],
                        timescale=("1ns", "1ps"),
                        waves=waves,
                        log_file=log,
                    )
            except EndedBySignal:
                raise
            except (RuntimeError, SystemExit, OSError) as error:
                raise BackendUnavailable(f"Verilator could not build {name}: {error}\n{_tail(log)}") from None
            shutil.copy2(Path(work) / name, path / name)

    return cached_directory("cocotb", key, make)


def _library_path() -> str:
    """Where the loader finds cocotb's libraries: here, whichever environment a cached simulator was built in."""
    return os.pathsep.join(filter(None, (str(libs_dir), os.environ.get("LD_LIBRARY_PATH"))))


def _check_room(folder: Path) -> None:
    """Raise OSError where a disk is full, which is no failed test."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(1 << 16))
        file.flush()


def _failures(results: Path) -> tuple[int, list[str]]:
    """The number of tests in a JUnit file, and the names of those that failed."""
    cases = list(ElementTree.parse(results).getroot().iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return len(cases), [f"{case.get('classname')}.{case.get('name')}" for case in failed]


def run_cocotb(
    design: wiring.Component | str,
    name: str,
    test_module: str,
    *,
    testcase: str | Sequence[str] | None = None,
    seed: int = 1,
    environment: Mapping[str, str] | None = None,
    waves: Path | None = None,
    junit: Path | None = None,
    workdir: Path | None = None,
    timeout_s: int = 300,
    random_start: bool = False,
) -> int:
    """Run the cocotb tests of ``test_module`` on ``design`` and return how many ran.

    Parameters
    ----------
    design, name : a component, or Verilog text whose top module is ``name``.
    test_module : import path of the module with the ``@cocotb.test`` functions.
    testcase : run only the tests of this name, or of these names.
    seed : cocotb's random seed, so that a run can be repeated.
    environment : more environment variables for the tests.
    waves : write waveforms to this file (FST).
    junit : write the results to this file (JUnit XML).
    workdir : where the simulator runs and leaves its log; a temporary folder otherwise.
    timeout_s : wall-clock limit in seconds.
    random_start : registers without an initial value begin at random, as ``seed`` has it, instead of at 0.

    Raises :class:`BenchError` when a test fails, none ran, or the time is over.
    """
    build_dir = build_simulator(design, name, waves=waves is not None, random_start=random_start)
    plusargs = ["+verilator+rand+reset+2", f"+verilator+seed+{seed}"] if random_start else []
    with tempfile.TemporaryDirectory(prefix="gatewright-bench-") as scratch:
        work = Path(workdir or scratch).resolve()
        work.mkdir(parents=True, exist_ok=True)
        results, log = (junit.resolve() if junit else work / "results.xml"), work / f"{name}.log"
        results.parent.mkdir(parents=True, exist_ok=True)
        runner = _PortsOnly()
        problem = ""
        try:
            with _environment(SIM_CMD_PREFIX=f"timeout {timeout_s}", LD_LIBRARY_PATH=_library_path()):
                runner.test(
                    test_module=test_module,
                    hdl_toplevel=name,
                    hdl_toplevel_lang="verilog",
                    testcase=testcase,
                    seed=seed,
                    extra_env=dict(environment or {}),
                    test_args=["--trace-file", str(waves.resolve())] if waves else [],
                    plusargs=plusargs,
                    waves=waves is not None,
                    build_dir=build_dir,
                    test_dir=work,
                    results_xml=str(results),
                    log_file=log,
                )
        except EndedBySignal:
            raise
        except (RuntimeError, SystemExit) as error:
            problem = f"the simulator stopped: {error}"
        if problem or not results.exists():
            _check_room(work)
            if waves:
                _check_room(waves.resolve().parent)
        if not results.exists():
            raise BenchError(f"{test_module} left no results ({problem}; limit {timeout_s} s)\n{_tail(log)}")
        ran, failed = _failures(results)
        if failed or problem or not ran:
            what = f"{len(failed)} of {ran} tests failed: {', '.join(failed)}" if ran else "no test matches"
            raise BenchError(f"{test_module}: {what} {problem}\n{_tail(log)}")
        return ran
