"""One line of a doctor's: what was looked at, how it is, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

__all__ = ["Finding", "Verdict", "exit_code"]


class Verdict(Enum):
    """How something is."""

    GOOD = "good"
    ODD = "odd"
    """It works, but not as well as it could, or it could not be looked at."""
    BAD = "bad"
    """Nothing runs like this."""


@dataclass(frozen=True)
class Finding:
    """Attributes
    ----------
    name : what was looked at.
    verdict : how it is.
    found : what was found, in words.
    remedy : what to do; empty where there is nothing to do.
    """

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


def exit_code(findings: Iterable[Finding]) -> int:
    """0 where all is good, 1 where something is odd, 2 where something is bad."""
    verdicts = {finding.verdict for finding in findings}
    return 2 if Verdict.BAD in verdicts else 1 if Verdict.ODD in verdicts else 0
