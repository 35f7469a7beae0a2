"""What a simulator of mutants is asked for, what it answers, and in which order cases are tried."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gatewright_sim.mutation.mutant import Mutant

__all__ = ["Job", "NoVerdict", "Order", "Verdict", "append", "verdicts"]


class NoVerdict(Exception):
    """What keeps a simulator from a verdict, whatever the mutant does."""


@dataclass(frozen=True)
class Verdict:
    """Of one mutant.

    Attributes
    ----------
    key : the mutant's.
    stage : the last that it has been through.
    killer : the test that noticed it, None when none did.
    how : the test said so.
    sources : hash of what this depends on.
    """

    key: str
    stage: str
    killer: str | None
    how: str
    sources: str


def append(path: Path, verdict: Verdict) -> None:
    """One line more, so that a run that is stopped loses nothing."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(verdict)) + "\n")


def verdicts(path: Path, sources: str) -> dict[str, Verdict]:
    """The last verdict on each mutant in a file, of those found with ``sources``; empty where there is no file."""
    if not path.exists():
        return {}
    lines = [Verdict(**json.loads(line)) for line in path.read_text().splitlines() if line.endswith("}")]
    return {verdict.key: verdict for verdict in lines if verdict.sources == sources}


_PATHS = ("results", "reason")
"""Fields of a job that JSON has no type for."""


@dataclass(frozen=True)
class Job:
    """Mutants of one design to run.

    Attributes
    ----------
    benches : whose cases are tried: their names, and their modules.
    mutants : which ones.
    results : where verdicts are appended.
    stage, sources : for the verdicts.
    owner : process for which this is done; without it, it ends.
    reason : where it says why it ended without all verdicts.
    """

    benches: dict[str, str]
    mutants: tuple[Mutant, ...]
    results: Path
    stage: str
    sources: str
    owner: int
    reason: Path

    @property
    def wanted(self) -> bool:
        """Whether anybody waits for it."""
        try:
            os.kill(self.owner, 0)
        except ProcessLookupError:
            return False
        return True

    @classmethod
    def load(cls, path: Path) -> Job:
        """As :meth:`save` wrote it."""
        stored = json.loads(path.read_text())
        mutants = tuple(Mutant(**each) for each in stored["mutants"])
        return cls(
            **stored | {"mutants": mutants, "results": Path(stored["results"]), "reason": Path(stored["reason"])}
        )

    def save(self, path: Path) -> None:
        """For the simulator's process."""
        path.write_text(json.dumps(asdict(self) | {name: str(getattr(self, name)) for name in _PATHS}))

    def note(self, key: str, killer: str | None, how: str) -> None:
        """Append a verdict."""
        append(self.results, Verdict(key, self.stage, killer, how, self.sources))

    @staticmethod
    def limit_ns(ns: int) -> int:
        """What a case may take on a mutant that takes ``ns`` without: a mutant that is only slower is no error."""
        return 2 * ns + 20_000


class Order:
    """Cases, those first that notice most mutants in the least time.

    Parameters
    ----------
    lengths : simulated time of each case.
    """

    def __init__(self, lengths: Mapping[str, int]) -> None:
        self._lengths = lengths
        self._runs: Counter[str] = Counter()
        self._kills: Counter[str] = Counter()

    def note(self, case: str, killed: bool) -> None:
        """A case ran on a mutant."""
        self._runs[case] += 1
        self._kills[case] += killed

    def cases(self) -> list[str]:
        """All of them, in today's order; before any ran, the shortest first (rule of succession)."""

        def rate(case: str) -> float:
            return (self._kills[case] + 1) / (self._runs[case] + 2) / self._lengths[case]

        return sorted(self._lengths, key=rate, reverse=True)
