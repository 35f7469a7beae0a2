"""Running proofs: each one, what it must reach, and the bugs that it must find."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gatewright_sim.formal.emission import to_rtlil
from gatewright_sim.formal.proof import Bug, Proof
from gatewright_sim.formal.seeded import seeded
from gatewright_sim.formal.solver import Outcome, Verdict, prepare, solve, stop

__all__ = ["Result", "from_outside", "run"]


@dataclass(frozen=True)
class Result:
    """What the runs of one proof ended with: itself, its ``Cover`` statements, each of its bugs in order."""

    proof: Proof
    proven: Outcome
    reached: Outcome
    bugs: tuple[Outcome, ...]

    @property
    def found(self) -> int:
        """How many bugs it refutes."""
        return sum(outcome.verdict is Verdict.FAILS for outcome in self.bugs)

    @property
    def seconds(self) -> int:
        """Processor time of all runs together."""
        return sum(outcome.seconds for outcome in (self.proven, self.reached, *self.bugs))

    @property
    def passed(self) -> bool:
        held = self.proven.verdict is Verdict.HOLDS and self.reached.verdict is Verdict.HOLDS
        return held and self.found == len(self.bugs)

    @property
    def faults(self) -> list[str]:
        """A sentence for each run that did not end as it must."""
        found = []
        if self.proven.verdict is not Verdict.HOLDS:
            found.append(f"{self.proof.name} {_said(self.proven)}")
        if self.reached.verdict is not Verdict.HOLDS:
            found.append(f"{self.proof.name} does not reach what it speaks of, at {self.reached.property}")
        for bug, outcome in zip(self.proof.bugs, self.bugs, strict=True):
            if outcome.verdict is not Verdict.FAILS:
                found.append(f"{self.proof.name} does not find the bug: {bug.what}")
        return found


def _said(outcome: Outcome) -> str:
    words = {
        Verdict.FAILS: "is refuted",
        Verdict.UNKNOWN: "holds in the first cycles, but its induction does not close",
        Verdict.TIMEOUT: "took too long",
    }
    where = f" by the property at {outcome.property}" if outcome.property else ""
    return f"{words[outcome.verdict]}{where}{f', see {outcome.trace}' if outcome.trace else ''}"


def run(proofs: Iterable[Proof], folder: Path, jobs: int) -> Iterator[Result]:
    """Run ``proofs``, ``jobs`` solvers at a time, and yield their results in order.

    Sources, logs and traces stay in ``folder``, in a folder per proof. Raises
    :class:`~gatewright_sim.formal.solver.FormalError`.
    """
    prepare()
    pool = ThreadPoolExecutor(jobs)
    try:
        for runs in [_start(pool, proof, folder / proof.name) for proof in proofs]:
            yield runs.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        stop()


@dataclass(frozen=True)
class _Runs:
    """The runs of one proof that are under way."""

    proof: Proof
    proven: Future[Outcome]
    reached: Future[Outcome]
    bugs: list[Future[Outcome]]

    def result(self) -> Result:
        return Result(self.proof, self.proven.result(), self.reached.result(), tuple(bug.result() for bug in self.bugs))


def _start(pool: ThreadPoolExecutor, proof: Proof, folder: Path) -> _Runs:
    harness = to_rtlil(proof.harness())
    return _Runs(
        proof,
        pool.submit(solve, harness, proof.mode.value, proof.depth, folder / "proof"),
        pool.submit(solve, harness, "cover", proof.depth, folder / "cover"),
        [_refute(pool, proof, bug, folder / f"bug{number}") for number, bug in enumerate(proof.bugs, 1)],
    )


def from_outside(proof: Proof) -> str:
    """What a bug is looked for with: the harness without the part's inside, in RTLIL."""
    harness = proof.harness()
    harness.invariants = False
    return to_rtlil(harness)


def _refute(pool: ThreadPoolExecutor, proof: Proof, bug: Bug, folder: Path) -> Future[Outcome]:
    with seeded(bug):
        text = from_outside(proof)
    return pool.submit(solve, text, "bmc", proof.depth, folder)
