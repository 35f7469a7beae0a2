"""Outcomes as text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from gatewright.compiler.quantisation.judge import MAX_ERROR
from gatewright.sheet import Sheet, markdown
from gatewright_sim.zoo.catalogue import FAMILIES
from gatewright_sim.zoo.trial import Outcome, Result

__all__ = ["as_markdown", "line", "summary"]

_COLUMNS = ("model", "result", "doorbells", "nodes on the fabric, host", "error", "promised", "reason")
_LONGEST = 240
"""Characters of a reason in a table; the report has all of it."""


def as_markdown(outcomes: Sequence[Outcome], config: str) -> str:
    """A table for each family, after what they say together."""
    sheets = [
        Sheet(each.title, _COLUMNS, tuple(_row(outcome) for outcome in outcomes if outcome.name in each.names()))
        for each in FAMILIES
    ]
    head = (
        f"# Model zoo\n\n`make zoo`, configuration `{config}`, golden model: {summary(outcomes)}.\n\n"
        "Error: relative root mean square of the worst output against ONNX Runtime, on inputs that calibration has not "
        "seen; promised: the\ncompiler's figure on calibration inputs. A doorbell is one run of the fabric. "
        f"*Right* is within {MAX_ERROR:.0%}, *warned of* further off and said to be.\n\n"
    )
    return head + markdown([sheet for sheet in sheets if sheet.rows])


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many of each kind."""
    counts = Counter(each.result for each in outcomes)
    kinds = [f"{counts[kind]} {kind.value}" for kind in Result if counts[kind]]
    once = sum(each.doorbells == 1 and not each.host for each in outcomes)
    return f"{len(outcomes)} models, {', '.join(kinds)}; {once} run on the fabric alone, with one doorbell"


def line(outcome: Outcome) -> str:
    """For a terminal."""
    name, result, *numbers, reason = _row(outcome)
    return f"{name:<44} {result:<14} {' '.join(f'{each:>7}' for each in numbers)}  {reason}"


def _row(outcome: Outcome) -> tuple[str, ...]:
    nodes = f"{outcome.fabric}, {outcome.host}" if outcome.fabric or outcome.host else ""
    reason = re.sub(r"\s+", " ", outcome.reason)
    if len(reason) > _LONGEST:
        reason = f"{reason[:_LONGEST]}..."
    return (
        outcome.name,
        outcome.result.value,
        str(outcome.doorbells) if nodes else "",
        nodes,
        _percent(outcome.error),
        _percent(outcome.promised),
        reason,
    )


def _percent(error: float | None) -> str:
    return "" if error is None else f"{error:.2%}"
