"""Runs the benches of the engines and collects what they reached."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from gatewright.spec.registers import ENGINES
from gatewright_sim.benches.catalogue import BENCHES, run_bench
from gatewright_sim.benches.coverage.collect import Counts, merged

__all__ = ["measure"]

_KERNELS = {"epilogue": "gemm"}
"""Whose commands benches run that are not named after them."""


def measure(kernels: Collection[str] = ENGINES) -> Counts:
    """The counts of every case of the benches about these kernels, with each of its seeds."""
    with TemporaryDirectory(prefix="gatewright-coverage-") as name:
        for bench in BENCHES.values():
            if _KERNELS.get(bench.about, bench.about) in kernels:
                for seed in sorted({seed for case in bench.table.cases for seed in case.seeds}):
                    cases = [case.name for case in bench.table.cases if seed in case.seeds]
                    run_bench(bench.name, case=cases, seed=seed, coverage=Path(name))
        return merged(Path(name))
