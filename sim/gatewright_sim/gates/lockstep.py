"""Designs with the same ports side by side, on the same random inputs: which of them differ from the first."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gatewright_sim.cxx import find_cxx
from gatewright_sim.rtl.build import run_step
from gatewright_sim.verilator import find_verilator

__all__ = ["differences"]

RESET_CYCLES = 64
"""In which nothing is compared: nobody says what a memory shows before its first read; a port reads in half of them."""

_BENCH = "lockstep"
_MAIN = Path(__file__).with_name("lockstep.cpp")
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
_FLAGS = ("-O3", "--x-assign", "fast", "--x-initial", "unique", "--no-assert", "-Wno-fatal", "-Wno-lint", "-Wno-style")
_PORT = re.compile(r"^\s*(input|output)(?: \[(\d+):0\])? (\w+);$", re.M)


def differences(text: str, top: str, others: Mapping[str, str], cycles: int, seed: int = 1) -> dict[str, str]:
    """What differs first, and when, of each design that differs from the reference.

    Parameters
    ----------
    text, top : the reference, as Amaranth writes it, and the name of its top module, with ports ``clk`` and ``rst``.
    others : Verilog of modules with the same ports, by their names.
    cycles : how long; each bit of the other inputs is drawn anew in every one.
    seed : of the inputs, and of what has no initial value.

    Raises :class:`BackendUnavailable` where a tool is missing or fails.
    """
    (module,) = re.findall(rf"^module {re.escape(top)}\(.*?^endmodule", text, re.S | re.M)
    ports = {name: (way, int(high or 0) + 1) for way, high, name in _PORT.findall(module)}
    with tempfile.TemporaryDirectory(prefix="gatewright-lockstep-") as folder:
        work = Path(folder)
        (work / "design.v").write_text("\n".join((text, *others.values(), _bench(ports, top, list(others), cycles))))
        found = run_step("lockstep", [str(_build(work)), str(seed)], work)
    return {line.partition(" ")[0]: line.partition(" ")[2] for line in found.splitlines()}


def _build(work: Path) -> Path:
    """The program of ``design.v`` in the folder ``work``."""
    verilator, program = find_verilator(), work / _BENCH
    names = ["--cc", "--prefix", f"V{_BENCH}", "--top-module", _BENCH, "--Mdir", "."]
    environment = {**os.environ, **verilator.environment}
    run_step("Verilator", [str(verilator.command), *names, *_FLAGS, "design.v"], work, environment)
    sources = [*sorted(work.glob("*.cpp")), *(verilator.include / name for name in _RUNTIME), _MAIN]
    folders = [f"-I{folder}" for folder in (work, verilator.include, verilator.include / "vltstd")]
    # Not optimised: it runs for less time than the compiler would take.
    flags = ["-std=c++20", "-O0", "-DVL_TIME_CONTEXT", "-DVM_TRACE=0", "-pthread", *folders]
    run_step("C++ compiler", [*find_cxx(), *flags, *map(str, sources), "-o", str(program)], work)
    return program


def _bench(ports: Mapping[str, tuple[str, int]], top: str, others: list[str], cycles: int) -> str:
    """Verilog that drives and compares them, and prints what differs first."""
    inputs = {name: width for name, (way, width) in ports.items() if way == "input" and name not in ("clk", "rst")}
    outputs = {name: width for name, (way, width) in ports.items() if way == "output"}
    lines = [f"module {_BENCH}(input clk, output reg done);", "reg rst = 1; integer cycle = 0; initial done = 0;"]
    lines += [f"reg [{width - 1}:0] {name};" for name, width in inputs.items()]
    for design in (top, *others):
        lines += [f"wire [{width - 1}:0] {design}_{name};" for name, width in outputs.items()]
        given = [f".{name}({name})" for name in (*inputs, "clk", "rst")]
        given += [f".{name}({design}_{name})" for name in outputs]
        lines += [f"{design} {design}_instance ({', '.join(given)});"]
    lines += [f"reg [{len(others) - 1}:0] differs = 0;", "always @(posedge clk) begin", "cycle <= cycle + 1;"]
    lines += [f"rst <= cycle < {RESET_CYCLES}; done <= cycle > {cycles};"]
    lines += [f"{name} <= {{{', '.join(['$urandom'] * -(-width // 32))}}};" for name, width in inputs.items()]
    for index, design in enumerate(others):
        for name in outputs:
            lines += [f"if (!rst && !differs[{index}] && {design}_{name} !== {top}_{name}) begin"]
            lines += [f'differs[{index}] <= 1; $display("{design} {name} in cycle %0d", cycle);', "end"]
    return "\n".join((*lines, "end", "endmodule", ""))
