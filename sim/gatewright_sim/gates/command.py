"""The accelerator's netlist against the golden model and the RTL: every kernel's golden vectors, and a small program.

python -m gatewright_sim.gates --config tiny
python -m gatewright_sim.gates --config pynq-z2 --run gemm --run program
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np

from gatewright.driver import Accelerator
from gatewright.options import Options
from gatewright.report import Report
from gatewright.selftest import KERNELS, run_vectors
from gatewright.spec.config import CONFIGS, AcceleratorConfig, get_config
from gatewright.spec.registers import BLOCK_NAME
from gatewright_hw.synthesis import synthesised
from gatewright_sim.gates.small_program import small_program
from gatewright_sim.gates.verilog import cells_by_kind, gates_of
from gatewright_sim.rtl.backend import RtlBackend
from gatewright_sim.rtl.build import design_verilog

TIMEOUT_S = 3600.0
"""Of one program; gates are slow."""
PROGRAM = "program"
RUNS = (*KERNELS, PROGRAM)


@dataclass(frozen=True)
class _Outcome:
    """``failure`` says what is wrong; empty where gates, RTL and golden model agree, bytes and cycles."""

    name: str
    cycles: int
    rtl_cycles: int
    failure: str


def main(arguments: list[str] | None = None) -> int:
    """Print what was run and how it went; exit code 1 when anything differs."""
    parser = Options("gatewright_sim.gates", __doc__)
    parser.add_argument("--config", default="tiny", choices=sorted(CONFIGS))
    parser.add_choice("run", RUNS)
    parser.add_seed("what registers and memories hold at power-up")
    parser.add_out("gates", "report.json")
    options = parser.parse_args(arguments)
    report = Report(options.out)
    config = get_config(options.config)
    print(f"synthesising {config.name} for 7 series and compiling its netlist: minutes, unless kept", flush=True)
    outcomes = _check(config, options.seed, options.run or RUNS)
    report.write({"config": config.name, "seed": options.seed, "runs": [asdict(each) for each in outcomes]})
    return 1 if any(each.failure for each in outcomes) else 0


def _check(config: AcceleratorConfig, seed: int, chosen: Collection[str]) -> list[_Outcome]:
    """Run what is chosen, and print how it went."""
    start = time.monotonic()
    module = synthesised(design_verilog(config), BLOCK_NAME)
    print(", ".join(f"{count:,} {kind}" for kind, count in cells_by_kind(module).items()))
    text, found = gates_of(module, BLOCK_NAME), []
    with (
        Accelerator(config, "rtl", timeout_s=TIMEOUT_S, verilog=text, large=True, seed=seed) as gates,
        Accelerator(config, "rtl", seed=seed) as rtl,
    ):
        print(f"built in {time.monotonic() - start:.0f} s")
        for outcome in _outcomes(gates, rtl, chosen):
            found.append(outcome)
            said = outcome.failure or "as golden, bit for bit"
            print(f"{outcome.name:<10} {outcome.cycles:>8,} cycles, RTL {outcome.rtl_cycles:>8,}: {said}", flush=True)
        speeds = [cast(RtlBackend, each.backend).cycles_per_second for each in (gates, rtl)]
    print(f"gates {speeds[0]:,.0f} cycles a second, RTL {speeds[1]:,.0f}; {time.monotonic() - start:.0f} s in all")
    return found


def _outcomes(gates: Accelerator, rtl: Accelerator, chosen: Collection[str]) -> Iterator[_Outcome]:
    for kernel in (name for name in KERNELS if name in chosen):
        found, meant = run_vectors(gates, kernel), run_vectors(rtl, kernel)
        failure = found.failure or meant.failure or _compared(found.cycles, meant.cycles)
        yield _Outcome(kernel, found.cycles, meant.cycles, failure)
    if PROGRAM in chosen:
        yield _small_program(gates, rtl)


def _small_program(gates: Accelerator, rtl: Accelerator) -> _Outcome:
    program, inputs = small_program(gates.config)
    results, cycles = [], []
    with Accelerator(gates.config, "golden") as golden:
        for accelerator in (gates, rtl, golden):
            accelerator.reset_report()
            with accelerator.load(program) as loaded:
                results.append(loaded(**inputs))
            cycles.append(accelerator.report().cycles)
    differing = [name for name in results[0] if any(not np.array_equal(results[0][name], r[name]) for r in results[1:])]
    failure = f"results {', '.join(differing)} differ" if differing else _compared(cycles[0], cycles[1])
    return _Outcome(PROGRAM, cycles[0], cycles[1], failure)


def _compared(cycles: int, meant: int) -> str:
    return "" if cycles == meant else f"{cycles - meant:+,} cycles against the RTL"
