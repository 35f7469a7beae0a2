"""How much of the table is measured: all of it, or a part of it in minutes, which says what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gatewright.comparison.entry import Entry
from gatewright.comparison.plan import ENTRIES, Plan
from gatewright.models.experts import Hybrid
from gatewright.models.systems import Bpr, GraphAlone, SasRec
from gatewright.reproduction.encoders import Encoders
from gatewright.reproduction.experiment import Experiment
from gatewright.reproduction.fine_tuning import FineTuning
from gatewright.reproduction.serving import Serving

__all__ = ["FULL", "QUICK", "Scope"]


@dataclass(frozen=True)
class Scope:
    """What is measured.

    Attributes
    ----------
    systems : of the comparison
    experiments : on the first of its splits
    left_out : of what the full one has, in a sentence; empty for that one
    """

    name: str
    systems: Plan
    experiments: tuple[Experiment, ...]
    left_out: str = ""


def _plan(entries: Mapping[str, Entry], shuffles: int, seeds: int) -> Plan:
    """Whether the hybrid is better is asked of each other system."""
    pairs = tuple((Hybrid.NAME, name) for name in entries if name != Hybrid.NAME)
    return Plan(tuple(entries.values()), shuffles=shuffles, seeds=seeds, pairs=pairs)


FULL = Scope(
    "full",
    _plan(ENTRIES, shuffles=5, seeds=3),
    (Serving(rtl=100), FineTuning(), Encoders()),
)

FEW = {Hybrid.NAME: 6, SasRec.NAME: 1, GraphAlone.NAME: 2, Bpr.NAME: 2}
TRIALS = 8

QUICK = Scope(
    "quick",
    _plan({name: replace(entry, budget=FEW.get(name, TRIALS)) for name, entry in ENTRIES.items()}, 1, 1),
    (Serving(), FineTuning(("full", "LoRA, all linear, last two layers"), 20, 5, 3, rates=1, seeds=1)),
    f"one order of ratings of the same second in the place of five, one training seed in the place of three; at most "
    f"{TRIALS} trials of each system's options ({', '.join(f'{name} {count}' for name, count in FEW.items())}); two "
    "ways to fine-tune, with one learning rate, of 20 steps at most; no other text encoders; and cycles are the least "
    "that the roofline allows",
)
