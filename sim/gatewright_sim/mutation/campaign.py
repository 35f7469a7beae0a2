"""Mutants of blocks, made, run and judged; what is known from before is not run again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewright.cache import digest
from gatewright_sim.benches.catalogue import BENCHES
from gatewright_sim.benches.harness.runner import run_cocotb
from gatewright_sim.mutation.blocks import ROOT, Block
from gatewright_sim.mutation.design import Mutant, source_mutants
from gatewright_sim.mutation.job import Job, Verdict, append, verdicts
from gatewright_sim.mutation.parts import killed_by_parts

__all__ = ["Campaign", "Outcome", "sources_hash"]

TIMEOUT_S = 4 * 3600
"""Limit on the wall for all mutants of one block; forks have limits of their own."""
POLL_S = 0.5
PARTS = "tests/hw"
"""What stands before the name of a part's test as a killer."""

Progress = Callable[[int, int], None]
"""Told of mutants judged, and of how many."""


def sources_hash() -> str:
    """A hash of all that a verdict depends on: hardware, benches, contract, tests of the parts."""
    folders = ("hw/gatewright_hw", "sim/gatewright_sim", "sw/gatewright/spec", PARTS)
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    return digest(*(part for file in files for part in (str(file.relative_to(ROOT)), file.read_bytes())))


@dataclass(frozen=True)
class Outcome:
    """A mutant of a block, and what was found."""

    block: str
    mutant: Mutant
    verdict: Verdict


@dataclass(frozen=True)
class Campaign:
    """``count`` mutants of each block, drawn with ``seed``; verdicts are kept in ``folder``, a file for each block.

    Verdicts that stand there already count, if hardware, benches and tests are what they were.
    """

    blocks: tuple[Block, ...]
    count: int
    seed: int
    folder: Path
    jobs: int = 1

    def run(self, progress: Progress = lambda done, total: None) -> list[Outcome]:
        """All outcomes. Raises :class:`BenchError` where a bench fails without any mutant."""
        self.folder.mkdir(parents=True, exist_ok=True)
        sources, total = sources_hash(), self.count * len(self.blocks)
        with ProcessPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(self._benches, block, sources) for block in self.blocks]
            self._watch(futures, sources, lambda done: progress(done, total))
            mutants = {block.name: future.result() for block, future in zip(self.blocks, futures, strict=True)}
        total = sum(map(len, mutants.values()))
        with ThreadPoolExecutor(self.jobs) as threads:
            found = [threads.submit(self._parts, block, mutants[block.name], sources) for block in self.blocks]
            self._watch(found, sources, lambda done: progress(done, total))
            for each in found:
                each.result()
        return [
            Outcome(block.name, mutant, known[mutant.key])
            for block in self.blocks
            for known in [verdicts(self._results(block), sources)]
            for mutant in mutants[block.name]
        ]

    def _watch(self, futures: Iterable[Future[Any]], sources: str, tell: Callable[[int], None]) -> None:
        pending = set(futures)
        while pending:
            done, pending = wait(pending, POLL_S)
            for future in done:
                future.result()
            tell(sum(len(verdicts(self._results(block), sources)) for block in self.blocks))

    def _results(self, block: Block) -> Path:
        return self.folder / f"{block.name}.jsonl"

    def _benches(self, block: Block, sources: str) -> tuple[Mutant, ...]:
        """The block's mutants, each with a verdict of the benches."""
        results = self._results(block)
        with tempfile.TemporaryDirectory(prefix="gatewright-mutants-") as folder:
            made = source_mutants(block, self.count, self.seed, Path(folder))
            known = verdicts(results, sources)
            left = tuple(mutant for mutant in made.mutants if mutant.key not in known)
            if left:
                design, job = BENCHES[block.bench].design, Path(folder) / "job.json"
                benches = tuple(bench.about for bench in BENCHES.values() if bench.design is design)
                Job(benches, left, results, sources).save(job)
                run_cocotb(
                    made.verilog,
                    made.top,
                    "gatewright_sim.mutation.entry",
                    environment={"GATEWRIGHT_MUTATION": str(job), "GATEWRIGHT_CONFIG": design.config},
                    timeout_s=TIMEOUT_S,
                    random_start=design.uninitialised,
                )
            return made.mutants

    def _parts(self, block: Block, mutants: tuple[Mutant, ...], sources: str) -> None:
        """The tests of the parts on what the benches left."""
        results = self._results(block)
        known = verdicts(results, sources)
        for mutant in mutants:
            if known[mutant.key].how == "survived":
                noticed = killed_by_parts(mutant.key)
                how = noticed or "survived the tests of its part, too"
                append(results, Verdict(mutant.key, PARTS if noticed else None, how, sources))
