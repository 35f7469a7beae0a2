"""What LoRA saves: the text encoder fine-tuned in several ways, to the same quality on validation.

    python -m gatewright.training.compare --out build/training

All ways meet the same batches, look at the same validation as often, and end by the same rule. Each tries as many
learning rates for as many steps, and takes the one whose best look is highest; with it, it is trained from several
seeds. The quality to reach is, seed by seed, a share of what full fine-tuning gains over the encoder as it was; 95 % is
what we quote, others stand beside it, and so does the best that both reached, the way and full fine-tuning. Quality is
the loss on ratings held out for validation (``--quality ndcg``: NDCG@10, which swings as far from look to look as
fine-tuning lifts it). Seconds are the processor's, with the looks and whatever a way computes beforehand; those of the
steps alone are in the JSON. It continues where it was ended.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from gatewright.evaluation.protocols import FullRanking
from gatewright.evaluation.quality import Quality, as_json, averaged
from gatewright.evaluation.statistics import Interval, paired_bootstrap
from gatewright.files import written_whole
from gatewright.models.baselines.tune import joined
from gatewright.models.data import load_movielens
from gatewright.models.data.splits import UserTimeSplit, split
from gatewright.options import Options, at_least
from gatewright.outcome import outcome
from gatewright.training.fine_tune import FineTuneByLoss, FineTuneTask
from gatewright.training.history import History, Look
from gatewright.training.plan import Plan
from gatewright.training.race import WAYS, Entrant, Race
from gatewright.training.text_scorer import TextScorer

__all__ = ["Row", "compare", "table"]

KINDS = {"loss": FineTuneByLoss, "ndcg": FineTuneTask}
SHARES = (0.5, 0.75, 0.9, 0.95, 1.0)


@dataclass(frozen=True)
class Reached:
    """The looks, of one seed, that were the first to find a quality: a way's ``own``, and that of the ``first`` way."""

    own: Look | None
    first: Look | None

    @property
    def seconds(self) -> tuple[float, float] | None:
        """Of the processor, of both; None where one of them did not get there."""
        return (self.own.work_seconds, self.first.work_seconds) if self.own and self.first else None


@dataclass(frozen=True)
class Row:
    """One way.

    Attributes
    ----------
    rates : learning rates that were tried, and the highest quality on validation with each; ``rate`` was taken
    parameters, optimizer_bytes, step_seconds : that are trained, that AdamW keeps of them, of a step on average
    best : highest quality on validation, by seed
    reached : by the quality to reach, for each seed
    test : NDCG@10 of each user of the test, the mean over seeds
    """

    name: str
    rates: dict[str, float]
    rate: float
    parameters: int
    optimizer_bytes: int
    step_seconds: float
    best: tuple[float, ...]
    reached: dict[str, tuple[Reached, ...]]
    test: Quality


def compare(
    race: Race, seeds: int = 3, progress: Callable[[Entrant, History], None] | None = None, tries: int = 15
) -> list[Row]:
    """A row for each way; the first is what others are held against. A rate is tried for ``tries`` steps."""
    grid = [Entrant(name, rate, 0) for name, way in race.ways.items() for rate in way.rates]
    tried = replace(race, plan=replace(race.plan, steps=min(tries, race.plan.steps))).run(grid, progress)
    chosen = {
        name: max(way.rates, key=lambda rate: tried[Entrant(name, rate, 0)].best.quality)
        for name, way in race.ways.items()
    }
    found = race.run([Entrant(name, rate, seed) for seed in range(seeds) for name, rate in chosen.items()], progress)
    by_way = {name: [found[Entrant(name, rate, seed)] for seed in range(seeds)] for name, rate in chosen.items()}
    first = next(iter(by_way.values()))
    return [
        Row(
            name,
            {f"{rate:g}": tried[Entrant(name, rate, 0)].best.quality for rate in race.ways[name].rates},
            chosen[name],
            own[0].parameters,
            own[0].optimizer_bytes,
            fmean(history.cpu_seconds / len(history.losses) for history in own),
            tuple(history.best.quality for history in own),
            _reached(own, first),
            averaged([_test(race, Entrant(name, chosen[name], seed)) for seed in range(seeds)]),
        )
        for name, own in by_way.items()
    ]


def _reached(own: Sequence[History], first: Sequence[History]) -> dict[str, tuple[Reached, ...]]:
    """By the quality to reach."""

    def share_of_gain(share: float) -> Callable[[History, History], float]:
        return lambda _, full: full.looks[0].quality + share * (full.best.quality - full.looks[0].quality)

    qualities = {f"{share:.0%} of the gain": share_of_gain(share) for share in SHARES}
    qualities["the best of both"] = lambda mine, full: min(mine.best.quality, full.best.quality)
    return {
        name: tuple(
            Reached(mine.reached(quality(mine, full)), full.reached(quality(mine, full)))
            for mine, full in zip(own, first, strict=True)
        )
        for name, quality in qualities.items()
    }


def _test(race: Race, entrant: Entrant) -> Quality:
    task, parts = race.trained(entrant), race.parts
    known = joined(parts.train, parts.validation)
    return FullRanking(known, parts.test).measure(TextScorer.of(known, task.module, task.options), entrant.way).all


def table(rows: Sequence[Row]) -> str:
    """In Markdown: what each way is and comes to, then its seconds to each quality, relative to the first way's."""
    lines = [
        "| fine-tuning | trained | AdamW's state | s a step | learning rate | validation, by seed | test NDCG@10 | "
        f"over {rows[0].name} |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        best = " ".join(f"{quality:.4f}" for quality in row.best)
        lines.append(
            f"| {row.name} | {row.parameters:,} | {row.optimizer_bytes / 1e6:.1f} MB | {row.step_seconds:.2f} | "
            f"{row.rate:g} | {best} | {_interval(row.test.interval('ndcg'))} | "
            f"{_interval(paired_bootstrap(row.test.values['ndcg'], rows[0].test.values['ndcg']))} |"
        )
    lines += ["", f"| seconds to | {' | '.join(row.name for row in rows)} |", f"| --- |{' --- |' * len(rows)}"]
    for name in rows[0].reached:
        lines.append(f"| {name} | {' | '.join(_seconds(row.reached[name]) for row in rows)} |")
    return "\n".join(lines)


def _interval(found: Interval | None) -> str:
    return f"{found.mean:.4f} [{found.low:.4f}, {found.high:.4f}]" if found else ""


def _seconds(seeds: Sequence[Reached]) -> str:
    """Mean of the seeds that got there, and its share of the first way's; of single seeds the lowest and highest."""
    pairs = [each.seconds for each in seeds if each.seconds]
    missing = f", {len(pairs)} of {len(seeds)} seeds" if len(pairs) < len(seeds) else ""
    if not pairs:
        return "not reached"
    own, first = (sum(side) for side in zip(*pairs, strict=True))
    shares = [mine / full for mine, full in pairs]
    return f"{own / len(pairs):.0f} ({own / first:.0%}; {min(shares):.0%} to {max(shares):.0%}{missing})"


def main() -> None:
    parser = Options("gatewright.training.compare", __doc__)
    parser.add_choice("way", WAYS)
    parser.add_argument("--quality", choices=tuple(KINDS), default="loss", help="that looks see (default: loss)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="ratings (default: those that are installed)")
    for name, count, what in (
        ("steps", 80, "at most"), ("tries", 15, "steps with each learning rate"),
        ("every", 5, "steps a turn, with a look after each"),
        ("patience", 6, "looks without a new best that end a training"), ("seeds", 3, "trainings of each way"),
    ):  # fmt: skip
        parser.add_argument(
            f"--{name}", type=at_least(1), default=count, metavar="N", help=f"{what} (default: {count})"
        )
    parser.add_out("training", "checkpoints and the table")
    chosen = parser.parse_args()
    parts = split(load_movielens(chosen.data), UserTimeSplit())
    looks = {"validate_every": chosen.every, "checkpoint_every": chosen.every, "patience": chosen.patience}
    plan = Plan(chosen.steps, warm_up=10, **looks)
    ways = {name: WAYS[name] for name in chosen.way or WAYS}

    def progress(entrant: Entrant, history: History) -> None:
        look = history.looks[-1]
        said = (
            f"{entrant.way}, rate {entrant.rate:g}, seed {entrant.seed}: {look.step} steps, {look.work_seconds:.0f} s"
        )
        print(f"{said}, quality {look.quality:.4f}", flush=True)

    race = Race(parts, plan, chosen.out, ways, kind=KINDS[chosen.quality])
    rows = compare(race, chosen.seeds, progress, chosen.tries)
    with written_whole(chosen.out / "compare.json") as file:
        file.write(json.dumps(as_json(rows), indent=1).encode())
    print(table(rows))


if __name__ == "__main__":
    sys.exit(outcome(main, extra="train"))
