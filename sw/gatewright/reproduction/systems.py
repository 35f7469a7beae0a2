"""All systems that are trained by name: those of the comparison, and those that fine-tune the language model."""

from __future__ import annotations

from gatewright.comparison.entry import Entry
from gatewright.comparison.plan import ENTRIES
from gatewright.training.system import SYSTEMS

__all__ = ["NAMED"]

BUDGET = 6
"""Trials, as of other systems that are trained step by step."""

NAMED: dict[str, Entry] = {**ENTRIES, **{kind.NAME: Entry(kind, BUDGET) for kind in SYSTEMS}}
"""By name, in the order of tables."""
