"""What LoRA saves: the text encoder fine-tuned in several ways, to the same quality on validation.

    python -m gatewright.training.compare --out build/training

trains each way in turns of a few steps, so that whatever else the machine does slows all alike, on the same batches,
with the same looks at validation and the same rule to end; it continues where it was ended. The quality to reach is
the highest that all of them reached.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gatewright.files import written_whole
from gatewright.models.baselines.tune import Parts
from gatewright.models.data import load_movielens
from gatewright.models.data.splits import UserTimeSplit, split
from gatewright.models.text import TextEncoder
from gatewright.options import Options, at_least
from gatewright.outcome import outcome
from gatewright.training.fine_tune import FineTuneTask
from gatewright.training.history import History
from gatewright.training.loop import train
from gatewright.training.lora import TARGETS, Lora
from gatewright.training.plan import Plan
from gatewright.training.recommendation_loss import RecommendationLoss

__all__ = ["WAYS", "Row", "Way", "compare", "table"]


@dataclass(frozen=True)
class Way:
    """How to fine-tune; its ``learning_rate`` was chosen by hand, on validation."""

    lora: Lora | None
    learning_rate: float


LOSS = RecommendationLoss(least_ratings=20)  # a look costs as much as a few steps, most of it for movies rarely rated
WAYS = {
    "full": Way(None, 3e-4),
    "LoRA, query and value, all layers": Way(Lora(), 3e-3),
    "LoRA, all linear, all layers": Way(Lora(targets=TARGETS), 3e-3),
    "LoRA, all linear, last two layers": Way(Lora(targets=TARGETS, layers=2), 3e-3),
}


@dataclass(frozen=True)
class Row:
    """One way's costs; ``steps`` and ``seconds`` are those to the common quality.

    Seconds are the processor's, of the steps alone: training has one thread, and a machine may have other work.
    """

    name: str
    parameters: int
    optimizer_bytes: int
    step_seconds: float
    best: float
    steps: int
    seconds: float


def compare(
    parts: Parts,
    plan: Plan,
    folder: Path,
    ways: Mapping[str, Way] = WAYS,
    *,
    loss: RecommendationLoss | None = None,
    encoder: TextEncoder | None = None,
    progress: Callable[[str, History], None] | None = None,
) -> tuple[float, list[Row]]:
    """The common quality, and a row for each of ``ways``, whose learning rates replace that of ``plan``.

    Each has its checkpoints in a folder of ``folder``; ``progress`` is called with its name after each of its turns.
    """
    loss = loss or LOSS
    tasks = {name: FineTuneTask(parts, loss, way.lora, encoder=encoder) for name, way in ways.items()}
    found: dict[str, History] = {}
    for until in range(plan.validate_every, plan.steps + plan.validate_every, plan.validate_every):
        for number, (name, way) in enumerate(ways.items()):
            if name in found and found[name].ended(plan):
                continue
            turn = replace(plan, steps=min(until, plan.steps), learning_rate=way.learning_rate)
            found[name] = train(tasks[name], turn, folder=folder / f"way-{number}")
            if progress:
                progress(name, found[name])
    common = min(history.best.quality for history in found.values())
    return common, [_row(name, history, common) for name, history in found.items()]


def _row(name: str, history: History, common: float) -> Row:
    reached = next(look for look in history.looks if look.quality >= common)
    each = history.cpu_seconds / len(history.losses)
    best = history.best.quality
    return Row(name, history.parameters, history.optimizer_bytes, each, best, reached.step, reached.cpu_seconds)


def table(common: float, rows: list[Row]) -> str:
    """In Markdown; relative to the first."""
    first = rows[0]
    lines = [
        f"| fine-tuning | trained | AdamW's state | s a step | steps to NDCG@10 {common:.4f} | seconds | best |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        share = f" ({row.seconds / first.seconds:.0%})" if first.seconds else ""
        lines.append(
            f"| {row.name} | {row.parameters:,} | {row.optimizer_bytes / 1e6:.1f} MB | {row.step_seconds:.2f} | "
            f"{row.steps} | {row.seconds:.0f}{share} | {row.best:.4f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = Options("gatewright.training.compare", __doc__)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="ratings (default: those that are installed)")
    parser.add_argument("--steps", type=at_least(1), default=40, metavar="N", help="at most (default: 40)")
    parser.add_argument("--every", type=at_least(1), default=5, metavar="N", help="steps a turn (default: 5)")
    parser.add_out("training", "checkpoints and the table")
    chosen = parser.parse_args()
    parts = split(load_movielens(chosen.data), UserTimeSplit())
    plan = Plan(steps=chosen.steps, validate_every=chosen.every, warm_up=10, patience=5, checkpoint_every=chosen.every)

    def progress(name: str, history: History) -> None:
        last = history.looks[-1]
        print(f"{name}: {last.step} steps, {last.seconds:.0f} s, NDCG@10 {last.quality:.4f}", flush=True)

    common, rows = compare(parts, plan, chosen.out, progress=progress)
    result = {"quality": common, "rows": [asdict(row) for row in rows]}
    with written_whole(chosen.out / "compare.json") as file:
        file.write(json.dumps(result, indent=1).encode())
    print(table(common, rows))


if __name__ == "__main__":
    sys.exit(outcome(main, extra="train"))
