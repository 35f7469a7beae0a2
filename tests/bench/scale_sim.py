"""Cycles of MiniLM's products on the RTL, beside those of SCALE-Sim's systolic arrays with as many multipliers.

    pip install -c constraints.txt '.[peers]'
    python tests/bench/scale_sim.py [--tokens 32 ...]

SCALE-Sim 3 (A. Samajdar et al., "A Systematic Methodology for Characterizing Scalability of DNN Accelerators using
SCALE-Sim", ISPASS 2020; PyPI: scalesim) simulates an output-stationary array, here of each shape that has our products
a cycle, of which the fastest counts. Its cycles are those of a memory that never holds the array up, the first operands
on the chip when it begins. Ours are from a command's start to its end, under the memory of a PYNQ-Z2, loads and stores
included; of an attention with its softmax, which SCALE-Sim does not count.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from gatewright.driver import Accelerator
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright_sim.speed.workload import working_engine
from gatewright_sim.stimulus import AttentionStimulus, GemmStimulus, Stimulus

__all__ = ["Shape", "main", "shapes", "systolic_cycles"]

CONFIG = "pynq-z2"
LAYERS, WIDTH, HIDDEN, HEADS = 6, 384, 1536, 12
"""Of all-MiniLM-L6-v2."""

SETTINGS = """
[general]
run_name = run
[architecture_presets]
ArrayHeight: {rows}
ArrayWidth: {cols}
IfmapSramSzkB: {kilobytes}
FilterSramSzkB: {kilobytes}
OfmapSramSzkB: {kilobytes}
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Bandwidth: 16
Dataflow: os
MemoryBanks: 1
ReadRequestBuffer: 64
WriteRequestBuffer: 64
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


@dataclass(frozen=True)
class Shape:
    """Products of a layer: [M, K] x [K, N] each, so often in the model; ``parts`` are one after the other, and together
    one command of ours."""

    what: str
    parts: tuple[tuple[int, int, int], ...]
    each: int
    times: int
    stimulus: Callable[[], Stimulus]


def shapes(tokens: int) -> list[Shape]:
    """Of all products of a text of so many tokens; a part is (M, N, K)."""
    dim = WIDTH // HEADS

    def product(what: str, n: int, k: int, times: int) -> Shape:
        return Shape(what, ((tokens, n, k),), 1, times, lambda: GemmStimulus.random(0, tokens, n, k))

    return [
        product("projection", WIDTH, WIDTH, 4 * LAYERS),
        product("up", HIDDEN, WIDTH, LAYERS),
        product("down", WIDTH, HIDDEN, LAYERS),
        Shape(
            "attention",
            ((tokens, tokens, dim), (tokens, dim, tokens)),
            HEADS,
            LAYERS,
            lambda: AttentionStimulus.random(0, tokens, tokens, HEADS, dim),
        ),
    ]


def systolic_cycles(parts: Sequence[tuple[int, int, int]], rows: int, cols: int, kilobytes: int) -> int:
    """Of products (M, N, K) one after the other on an array of that shape, by SCALE-Sim."""
    from scalesim.scale_sim import scalesim

    with TemporaryDirectory(prefix="gatewright-scale-sim-") as name, open(os.devnull, "w") as nowhere:
        folder = Path(name)
        (folder / "array.cfg").write_text(SETTINGS.format(rows=rows, cols=cols, kilobytes=kilobytes))
        lines = [f"part{index},{m},{n},{k}," for index, (m, n, k) in enumerate(parts)]
        (folder / "parts.csv").write_text("\n".join(["Layer,M,N,K,", *lines, ""]))
        (folder / "layout.csv").write_text("")
        with redirect_stdout(nowhere):
            simulator = scalesim(
                save_disk_space=True,
                verbose=False,
                config=str(folder / "array.cfg"),
                topology=str(folder / "parts.csv"),
                layout=str(folder / "layout.csv"),
                input_type_gemm=True,
            )
            simulator.run_scale(top_path=name)
        with (folder / "run" / "COMPUTE_REPORT.csv").open() as file:
            found = [int(float(row["Total Cycles"])) for row in csv.DictReader(file, skipinitialspace=True)]
    assert len(found) == len(parts), f"SCALE-Sim reports {len(found)} of {len(parts)} products"
    return sum(found)


def _arrays(config: AcceleratorConfig) -> list[tuple[int, int]]:
    """Rows and columns of arrays with as many multipliers, none much longer than wide."""
    count = config.macs_per_cycle
    sides = [1 << bit for bit in range(3, count.bit_length()) if count >> bit >= 8]
    return [(rows, count // rows) for rows in sides]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each kind of product, and one for all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, nargs="+", default=[32, 64, 128], help="(default: 32 64 128)")
    options = parser.parse_args(arguments)
    config = get_config(CONFIG)
    kilobytes = config.array_cols * config.b_depth * 8 >> 10
    print(f"{'':<12}{'tokens':>8}{'times':>7}{'RTL':>12}{'SCALE-Sim':>12}{'array':>8}{'RTL / it':>10}")
    with Accelerator(config, "rtl") as accelerator:
        for tokens in options.tokens:
            total = np.zeros(2, np.int64)
            for shape in shapes(tokens):
                accelerator.reset_report()
                shape.stimulus().run(accelerator)
                ours = working_engine(accelerator).cycles
                theirs, (rows, cols) = min(
                    (systolic_cycles(shape.parts, *array, kilobytes) * shape.each, array) for array in _arrays(config)
                )
                total += np.array([ours, theirs]) * shape.times
                what = f"{shape.what:<12}{tokens:>8}{shape.times:>7}"
                print(f"{what}{ours:>12,}{theirs:>12,}{rows:>4}x{cols:<3}{ours / theirs:>10.3f}", flush=True)
            print(f"{'all':<12}{tokens:>8}{'':>7}{total[0]:>12,}{total[1]:>12,}{'':>8}{total[0] / total[1]:>10.3f}")


if __name__ == "__main__":
    main()
