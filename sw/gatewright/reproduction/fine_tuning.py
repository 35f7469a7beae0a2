"""The language model fine-tuned whole and by LoRA: what each way costs to the same quality, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from gatewright.reproduction.experiment import Experiment, Finding, Line, Setting
from gatewright.training.compare import Row, compare
from gatewright.training.history import History
from gatewright.training.plan import Plan
from gatewright.training.race import WAYS, Entrant, Race

__all__ = ["GOAL", "FineTuning"]

GOAL = "95% of the gain"
"""Of full fine-tuning over the encoder as it was: the quality on validation that seconds are counted to."""


@dataclass(frozen=True)
class FineTuning(Experiment):
    """``ways`` side by side, of each ``rates`` learning rates, chosen on validation, and ``seeds`` trainings."""

    NAME: ClassVar[str] = "fine-tuning of the language model"

    ways: tuple[str, ...] = tuple(WAYS)
    steps: int = 100
    every: int = 5
    patience: int = 6
    rates: int = 3
    seeds: int = 3

    def run(self, setting: Setting) -> Finding:
        plan = Plan(steps=self.steps, validate_every=self.every, checkpoint_every=self.every, patience=self.patience,
                    warm_up=10)  # fmt: skip
        ways = {name: replace(WAYS[name], rates=_middle(WAYS[name].rates, self.rates)) for name in self.ways}
        assert setting.folder is not None, "an experiment that runs has a folder"
        race = Race(setting.parts, plan, setting.folder, ways)

        def progress(entrant: Entrant, history: History) -> None:
            setting.say(f"fine-tuning: {entrant.way}", len(history.losses), self.steps)

        rows = compare(race, self.seeds, progress)
        return Finding(tuple(_line(row, rows[0]) for row in rows), {"costs": [_cost(row) for row in rows]})


def _middle(rates: Sequence[float], count: int) -> tuple[float, ...]:
    first = max(0, (len(rates) - count) // 2)
    return tuple(rates[first : first + count])


def _name(row: Row) -> str:
    return f"LM alone, fine-tuned: {row.name}"


def _line(row: Row, first: Row) -> Line:
    cost = _cost(row)
    own, other = cost["seconds"], cost["full"]
    facts = {
        f"CPU s to {GOAL}": f"{own:.0f} of {other:.0f}, {cost['reached']}" if own else "not reached",
        "of full fine-tuning's": f"{own / other:.0%}" if own else "",
        "trained parameters": f"{row.parameters:,}",
        "AdamW's state": f"{row.optimizer_bytes / 1e6:.1f} MB",
        "CPU s a step": f"{row.step_seconds:.2f}",
    }
    return Line(_name(row), row.test, "" if row is first else _name(first), own, facts=facts)


def _cost(row: Row) -> dict[str, Any]:
    """Seconds, of the way and of full fine-tuning, are means over the seeds in which both got there, or None."""
    seeds = row.reached[GOAL]
    pairs = [each.seconds for each in seeds if each.seconds]
    own, first = (sum(side) / len(pairs) for side in zip(*pairs, strict=True)) if pairs else (None, None)
    return {
        "name": row.name,
        "seconds": own,
        "full": first,
        "reached": f"{len(pairs)} of {len(seeds)} seeds",
        "step": row.step_seconds,
        "parameters": row.parameters,
    }
