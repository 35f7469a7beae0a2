"""From a configuration to a shared library: Amaranth to Verilog, Verilator to C++, a C++ compiler to machine code.

The Verilog and the library are kept in the cache, named by a hash of what they are made from.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from gatewright.cache import cached_directory, digest
from gatewright.driver.errors import BackendUnavailable
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.registers import BLOCK_NAME
from gatewright_sim.cxx import INSTALL_TOOLS, find_cxx
from gatewright_sim.dram.timing import HEADERS
from gatewright_sim.fst import fst_build_args
from gatewright_sim.verilator import CONFIG_HEADER, Verilator, find_verilator

__all__ = ["build_library", "design_verilog", "run_step"]

TOP = "gatewright_simulation"
LIBRARY = "libgatewright.so"

VERILATOR_FLAGS = ("-O3", "--x-assign", "fast", "--x-initial", "unique", "--output-split", "0", "--no-assert")
LARGE_FLAGS = ("--output-split", "20000")
"""C++ of a large design is many files: a compiler takes more than twice the time and memory for twice the length."""

CXX_FLAGS = ("-std=c++20", "-march=native", "-fPIC", "-fvisibility=hidden", "-fno-gnu-unique", "-DVL_TIME_CONTEXT")
FAST, QUICK, SLOW = "-O3", "-O1", "-O0"
"""Optimisation of what runs in every cycle, of that with waves or in a large design, and of what Verilator marks as run
once."""

RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
TRACE_RUNTIME = ("verilated_fst_c.cpp",)
STEP_TIMEOUT_S = 1800
_FURTHER_MASTER = re.compile(r"\bm_axi_(\d)_arvalid\b")

_log = logging.getLogger(__name__)
_HERE = Path(__file__).parent
HARNESS = (
    *(_HERE / name for name in ("harness.cpp", "ddr.hpp", "wrapper.v")),
    *HEADERS,
)
_PIP = "pip install 'gatewright[sim]'"


def run_step(step: str, command: list[str], directory: Path, environment: dict[str, str] | None = None) -> str:
    """Run one step of the build; returns what it printed. Raises :class:`BackendUnavailable` with the end of that."""
    _log.info("%s: %s", step, Path(command[-1]).name)
    try:
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=STEP_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise BackendUnavailable(f"{step} took more than {STEP_TIMEOUT_S} s") from None
    except OSError as error:
        raise BackendUnavailable(f"{step} cannot run ({error}): {INSTALL_TOOLS}") from None
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise BackendUnavailable(f"{step} failed with exit code {done.returncode}:\n{tail}")
    return done.stdout


def design_verilog(config: AcceleratorConfig) -> str:
    """Verilog of the accelerator, from the cache when neither sources nor configuration have changed."""
    try:
        from gatewright_hw.generate import design_hash, verilog

        key = design_hash(config)
    except (ImportError, PackageNotFoundError) as error:
        raise BackendUnavailable(f"the RTL cannot be made ({error}): {_PIP}") from None
    name = f"{BLOCK_NAME}.v"

    def make(path: Path) -> None:
        _log.info("Amaranth: %s", name)
        (path / name).write_text(verilog(config))

    folder = cached_directory("verilog", key, make)
    return (folder / name).read_text()


def _machine() -> str:
    """What ``-march=native`` depends on."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = re.search(r"^(?:flags|Features)\s*:.*$", cpuinfo.read_text(), re.M) if cpuinfo.exists() else None
    return platform.machine() + (flags.group() if flags else "")


def _masters(verilog: str) -> list[str]:
    """What tells wrapper and harness how many masters the design has."""
    ports = 1 + len(set(_FURTHER_MASTER.findall(verilog)))
    several = {1: [], 2: ["TWO"], 4: ["TWO", "FOUR"]}[ports]
    return [f"-DGATEWRIGHT_PORTS={ports}", *(f"-DGATEWRIGHT_{number}_PORTS" for number in several)]


def _verilate(verilator: Verilator, verilog: str, masters: list[str], trace: bool, large: bool, work: Path) -> None:
    """Verilog to C++ in the folder ``work``."""
    (work / "design.v").write_text(verilog)
    flags = [*VERILATOR_FLAGS, *(LARGE_FLAGS if large else ()), "--timescale", "1ps/1ps"]
    flags += ["-Wno-fatal", "-Wno-lint", "-Wno-style"]
    flags += ["--trace-fst", "--trace-structs"] if trace else []
    names = ["--cc", "--prefix", f"V{TOP}", "--top-module", TOP, "--Mdir", "."]
    command = [str(verilator.command), *names, *flags, *masters, str(_HERE / "wrapper.v"), "design.v"]
    run_step("Verilator", command, work, {**os.environ, **verilator.environment})


def _compile(
    compiler: list[str],
    verilator: Verilator,
    masters: list[str],
    trace: bool,
    large: bool,
    work: Path,
    library: Path,
) -> None:
    """The C++ in ``work``, Verilator's runtime and the harness to a shared library."""
    runtime = [verilator.include / name for name in (*RUNTIME, *(TRACE_RUNTIME if trace else ()))]
    flags = [
        f"-I{folder}" for folder in (work, verilator.include, verilator.include / "vltstd", _HERE, HEADERS[0].parent)
    ]
    flags += masters
    flags += ["-DVM_TRACE=1", "-DVM_TRACE_FST=1", "-DGATEWRIGHT_TRACE"] if trace else ["-DVM_TRACE=0"]
    libraries = ["-pthread"]
    if trace:
        fst_build_args(compiler, work)  # puts what the system lacks of lz4 and zlib into the folder
        libraries += [f"-L{work}", "-llz4", "-lz"]

    def compile_one(source: Path) -> None:
        level = SLOW if source.stem.endswith("__Slow") else QUICK if trace or large else FAST
        run_step("C++ compiler", [*compiler, *CXX_FLAGS, level, *flags, "-c", str(source)], work)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, (*sorted(work.glob("*.cpp")), *runtime, _HERE / "harness.cpp")))
    objects = [str(item) for item in sorted(work.glob("*.o"))]
    run_step("C++ compiler", [*compiler, "-shared", *objects, *libraries, "-o", str(library)], work)


def build_library(verilog: str, *, trace: bool = False, large: bool = False) -> Path:
    """The shared library of a design with the ports of ``gatewright_top``, built unless the cache holds it.

    Parameters
    ----------
    verilog : text of the design.
    trace : with support for waves, which makes it slower.
    large : build a large design, such as a netlist, in less time; it runs slower.

    Raises :class:`BackendUnavailable` when a tool is missing or fails; the message says how to install it.
    """
    compiler, verilator = find_cxx(), find_verilator()
    tools = run_step("C++ compiler", [*compiler, "--version"], _HERE) + (verilator.include / CONFIG_HEADER).read_text()
    harness = [path.read_bytes() for path in HARNESS]
    flags = [*VERILATOR_FLAGS, *CXX_FLAGS, FAST, QUICK, SLOW, f"trace={trace}", *(LARGE_FLAGS if large else ())]

    def make(path: Path) -> None:
        work = path / "build"
        work.mkdir()
        masters = _masters(verilog)
        _verilate(verilator, verilog, masters, trace, large, work)
        _compile(compiler, verilator, masters, trace, large, work, path / LIBRARY)
        shutil.rmtree(work)

    return cached_directory("rtl", digest(verilog, *harness, *flags, *compiler, tools, _machine()), make) / LIBRARY
