"""Mutants of blocks, made, run and judged; what is known from before is not run again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from gatewright.signals import EndedBySignal
from gatewright_sim.benches.catalogue import BENCHES
from gatewright_sim.benches.harness.runner import BenchError, run_cocotb
from gatewright_sim.mutation.blocks import Block
from gatewright_sim.mutation.dependencies import sources_hash
from gatewright_sim.mutation.equivalents import EQUIVALENTS
from gatewright_sim.mutation.job import Job, Verdict, append, verdicts
from gatewright_sim.mutation.mutant import Mutant, Mutated
from gatewright_sim.mutation.netlist import NETLIST, netlist_mutants
from gatewright_sim.mutation.parts import killed_by_parts
from gatewright_sim.mutation.proof import PROVED, proved_equivalent
from gatewright_sim.mutation.sources import source_mutants

__all__ = ["Campaign", "Outcome"]

TIMEOUT_S = 4 * 3600
"""Limit on the wall for all mutants of one block; forks have limits of their own."""
POLL_S = 0.5
GRACE_S = 20
"""For a process to end what it has begun, when it is told to."""
PARTS = "tests/hw"
"""What stands for the tests of a part as a killer."""
PROOF = "proof"
"""The last stage."""

Progress = Callable[[int, int], None]
"""Told of mutants judged, and of how many."""

Result = TypeVar("Result")


def _end_when_told() -> None:
    """In a process of the pool: its folders and its tools end with it; Ctrl-C is for the campaign's process alone."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # so that another one does not break off what this begins
        for child in _children():
            _end(child)
        raise EndedBySignal(128 + number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _children() -> list[int]:
    """Processes that this one's main thread has started (proc(5))."""
    pid = os.getpid()
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _end(child: int) -> None:
    """Of `timeout`, whose group is its own, the simulator too, which it leaves behind when it is killed."""
    with suppress(ProcessLookupError):
        if os.getpgid(child) == child:
            os.killpg(child, signal.SIGTERM)
        else:
            os.kill(child, signal.SIGTERM)


def _task(work: Callable[..., Result], *arguments: object) -> Result:
    """What a process of the pool is given: told to end while it works, it takes up nothing that waits in its queue."""
    try:
        return work(*arguments)
    except EndedBySignal as told:
        os._exit(int(told.code or 0))


@dataclass(frozen=True)
class Outcome:
    """A mutant of a block, and what was found."""

    block: str
    mutant: Mutant
    verdict: Verdict


@dataclass(frozen=True)
class Campaign:
    """``count`` mutants of each block's sources and ``netlist`` of its cells, drawn with ``seed``.

    Verdicts are kept in ``folder``, a file for each block; those that stand there count, if what they depend on is
    what it was.
    """

    blocks: tuple[Block, ...]
    count: int
    seed: int
    folder: Path
    netlist: int = 0
    jobs: int = 1

    def run(self, progress: Progress = lambda done, total: None) -> list[Outcome]:
        """All outcomes. Raises :class:`BenchError` where a bench fails without any mutant or a simulator is ended from
        outside; that, or a signal, ends the work on all other blocks."""
        self.folder.mkdir(parents=True, exist_ok=True)
        sources = {block.name: sources_hash(block) for block in self.blocks}
        total = (self.count + self.netlist) * len(self.blocks)
        # A fork would take threads along that hold locks, such as those of a connection.
        spawn = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.jobs, mp_context=spawn, initializer=_end_when_told)
        try:
            futures = [
                pool.submit(_task, self._benches, block, sources[block.name], os.getpid()) for block in self.blocks
            ]
            self._watch(futures, sources, lambda done: progress(done, total))
            mutants = {block.name: future.result() for block, future in zip(self.blocks, futures, strict=True)}
            total = sum(map(len, mutants.values()))
            found = [
                pool.submit(_task, self._parts, block, mutants[block.name], sources[block.name])
                for block in self.blocks
            ]
            self._watch(found, sources, lambda done: progress(done, total))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            workers = multiprocessing.active_children()
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.join(GRACE_S)
        return [
            Outcome(block.name, mutant, known[mutant.key])
            for block in self.blocks
            for known in [verdicts(self._results(block), sources[block.name])]
            for mutant in mutants[block.name]
        ]

    def _watch(self, futures: Iterable[Future[Any]], sources: Mapping[str, str], tell: Callable[[int], None]) -> None:
        pending = set(futures)
        while pending:
            done, pending = wait(pending, POLL_S)
            for future in done:
                future.result()
            tell(sum(len(verdicts(self._results(block), sources[block.name])) for block in self.blocks))

    def _results(self, block: Block) -> Path:
        return (self.folder / f"{block.name}.jsonl").resolve()  # simulators run in folders of their own

    def _benches(self, block: Block, sources: str, owner: int) -> tuple[Mutant, ...]:
        """The block's mutants, each with a verdict of the benches; ``owner`` is the campaign's process."""
        first, *others = block.benches
        with tempfile.TemporaryDirectory(prefix="gatewright-mutants-") as folder:
            found: tuple[Mutant, ...] = ()
            if self.count:
                made = source_mutants(block, first, Path(folder), count=self.count, seed=self.seed)
                self._stage(block, first, made, first, sources, owner)
                for bench in others:
                    left = [mutant.key for mutant in self._left(block, made.mutants, sources)]
                    if left:
                        more = source_mutants(block, bench, Path(folder), keys=left)
                        self._stage(block, bench, more, bench, sources, owner)
                found = made.mutants
            if self.netlist:
                design, count = BENCHES[first].design, self.netlist
                cells = netlist_mutants(block, design, Path(folder), count=count, seed=self.seed)
                self._stage(block, first, cells, NETLIST, sources, owner)
                found += cells.mutants
            return found

    def _left(self, block: Block, mutants: tuple[Mutant, ...], sources: str) -> list[Mutant]:
        """Those that nothing has noticed, though something could: what is listed as equivalent is tried once."""
        known = verdicts(self._results(block), sources)
        return [
            mutant
            for mutant in mutants
            if mutant.key not in known or (known[mutant.key].killer is None and mutant.key not in EQUIVALENTS)
        ]

    def _stage(self, block: Block, bench: str, made: Mutated, stage: str, sources: str, owner: int) -> None:
        """All benches of a design on those of its mutants that have not been through this stage and are not noticed."""
        results, design = self._results(block), BENCHES[bench].design
        stages = [*block.benches, NETLIST, PARTS, PROOF]
        known = {key: stages.index(verdict.stage) for key, verdict in verdicts(results, sources).items()}
        left = [
            mutant
            for mutant in self._left(block, made.mutants, sources)
            if known.get(mutant.key, -1) < stages.index(stage)
        ]
        if not left:
            return
        benches = {each.name: each.module for each in BENCHES.values() if each.design is design}
        with tempfile.TemporaryDirectory(prefix="gatewright-mutants-") as folder:
            job, reason = Path(folder) / "job.json", Path(folder) / "reason.txt"
            Job(benches, tuple(left), results, stage, sources, owner, reason).save(job)
            try:
                run_cocotb(
                    made.verilog,
                    design.top,
                    "gatewright_sim.mutation.entry",
                    environment={"GATEWRIGHT_MUTATION": str(job), "GATEWRIGHT_CONFIG": design.config},
                    timeout_s=TIMEOUT_S,
                    random_start=design.uninitialised,
                )
            except BenchError:
                if reason.exists():
                    raise BenchError(f"mutants of {block.name}: {reason.read_text()}") from None
                raise

    def _parts(self, block: Block, mutants: tuple[Mutant, ...], sources: str) -> None:
        """The tests of the parts on what the benches left, and then proofs."""
        results = self._results(block)
        known = verdicts(results, sources)
        for mutant in self._left(block, mutants, sources):
            if mutant.kind != NETLIST and known[mutant.key].stage != PARTS:
                noticed = killed_by_parts(mutant)
                append(results, Verdict(mutant.key, PARTS, PARTS if noticed else None, noticed or "", sources))
        left = [mutant for mutant in self._left(block, mutants, sources) if mutant.kind != NETLIST]
        known = verdicts(results, sources)
        unproved = [mutant.key for mutant in left if known[mutant.key].stage != PROOF]
        if unproved:
            self._prove(block, unproved, sources)

    def _prove(self, block: Block, keys: list[str], sources: str) -> None:
        with tempfile.TemporaryDirectory(prefix="gatewright-mutants-") as folder:
            made = source_mutants(block, block.benches[0], Path(folder), keys=keys)
            for mutant in made.mutants:
                proved = proved_equivalent(made.verilog, mutant.number, Path(folder))
                verdict = Verdict(mutant.key, PROOF, None, PROVED if proved else "", sources)
                append(self._results(block), verdict)
