"""What the paper says, beside what is measured here. Y. Zhao et al., "Research on Low-Latency Inference and Training
Efficiency Optimization for Graph Neural Network and Large Language Model-Based Recommendation Systems", arXiv
2507.01035, 2025: figures of its abstract, which names neither the data nor the protocol that they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewright.comparison.protocols import FULL, RERANKING
from gatewright.comparison.report import Report
from gatewright.models.experts import Hybrid
from gatewright.models.systems import GraphAlone, TextAlone
from gatewright.reproduction.experiment import Line
from gatewright.reproduction.serving import FLOAT, GOLDEN, RUNTIME_INT8, TYPED

__all__ = ["SOURCE", "Claim", "claims"]

SOURCE = "arXiv 2507.01035"


@dataclass(frozen=True)
class Claim:
    """``theirs`` and ``ours`` as text, and how they can be compared."""

    what: str
    theirs: str
    ours: str
    note: str


def claims(report: Report, lines: Sequence[Line]) -> tuple[Claim, ...]:
    """Each figure of the paper; those that the report has nothing for say so."""
    return (
        Claim(
            f"NDCG@{report.k} of the best configuration", "0.75", _mean(report, FULL, "ndcg"),
            "Every movie that a user has not rated is ranked. The paper's abstract does not say what it ranks.",
        ),
        Claim(
            "the same, of a user's own held-out ratings re-ranked", "0.75", _reranked(report),
            "The only protocol here whose figures come near 0.75. A random order does, too, so that such a figure says "
            "nothing without it.",
        ),
        Claim(
            "gain over a system without it", "+13.6\N{NO-BREAK SPACE}%", _gains(report),
            "Relative difference of NDCG, its interval paired by user. The paper's is over its unoptimised baseline.",
        ),
        Claim(
            "latency of a request", "40 to 60 ms", _latency(lines),
            "Medians. The accelerator's is cycles at its clock, without the host; the abstract does not name its FPGA.",
        ),
        Claim(
            "training time that LoRA saves", "66\N{NO-BREAK SPACE}%", _saved(lines),
            "To 95 % of what full fine-tuning gains on validation, in seconds of the processor.",
        ),
    )  # fmt: skip


def _mean(report: Report, protocol: str, metric: str) -> str:
    for cell in report.cells:
        if (cell.system, cell.protocol, cell.metric) == (Hybrid.NAME, protocol, metric):
            interval = f" [{cell.interval.low:.4f}, {cell.interval.high:.4f}]" if cell.interval else ""
            return f"{cell.mean:.4f}{interval}"
    return "not measured"


def _reranked(report: Report) -> str:
    said = []
    for gain, what in (("linear", "gain = stars"), ("exponential", "gain = 2^stars - 1")):
        own, random = (_mean(report, RERANKING, f"ndcg_{gain}{which}") for which in ("", "_random"))
        said.append(f"{what}: {own}, a random order {random}")
    return "; ".join(said)


def _gains(report: Report) -> str:
    found = {each.than: each for each in report.comparisons if each.better == Hybrid.NAME}
    said = []
    for name in (GraphAlone.NAME, TextAlone.NAME):
        each = found.get(name)
        if each is not None and each.relative is not None:
            base = each.difference.mean / each.relative
            low, high = (bound / base for bound in (each.difference.low, each.difference.high))
            said.append(f"over {name} {each.relative:+.1%} [{low:+.1%}, {high:+.1%}]")
    return "; ".join(said) or "not measured"


def _latency(lines: Sequence[Line]) -> str:
    found = {line.name: line.latency for line in lines if line.latency}
    said = [
        f"{name}{how}: {found[name + how].p50:.1f} ms"
        for how in ("", TYPED) for name in (FLOAT, RUNTIME_INT8, GOLDEN) if name + how in found
    ]  # fmt: skip
    return "; ".join(said) or "not measured"


def _saved(lines: Sequence[Line]) -> str:
    said = []
    for line in lines:
        share = line.facts.get("of full fine-tuning's", "")
        if line.against and share:
            said.append(f"{line.name.split(': ')[-1]}: {1 - float(share.rstrip('%')) / 100:.0%}")
    return "; ".join(said) or "not measured"
