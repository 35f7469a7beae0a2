"""The text encoder made smaller and coarser: what that saves on the accelerator, and what recommendations lose by it.

    python -m gatewright.training.variants --out build/variants

trains a student of fewer layers, in float and for the accelerator's arithmetic, reads all movies' texts with each, in
float or as the golden model runs it, and puts these vectors into two systems: the language model alone, and the whole
hybrid, whose gate is learnt anew. It continues where it was ended.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gatewright.evaluation.quality import Quality, as_json, averaged
from gatewright.evaluation.statistics import Interval, paired_bootstrap
from gatewright.files import written_whole
from gatewright.models.data import MovieLens, load_movielens
from gatewright.models.unit_rows import unit_rows
from gatewright.options import Options, at_least
from gatewright.outcome import outcome
from gatewright.progress import Progress
from gatewright.training.encoders import Variant, made
from gatewright.training.text_places import qualities

__all__ = ["Row", "measured", "relative", "table"]


@dataclass(frozen=True)
class Row:
    """A variant, its mean ``cosine`` with the first over all movies, and by system NDCG@10 and others of each user of
    the test, means over shuffles."""

    name: str
    layers: int
    parameters: int
    seconds: float
    cycles: int
    cosine: float
    found: dict[str, Quality]


def measured(
    data: MovieLens, variants: Sequence[Variant], shuffles: int = 5, progress: Progress | None = None
) -> list[Row]:
    """A row for each of ``variants`` on ``shuffles`` splits."""
    vectors = {variant.name: variant.vectors for variant in variants}
    splits = []
    for seed in range(shuffles):
        splits.append(qualities(data, seed, vectors))
        if progress:
            progress("systems on splits", seed + 1, shuffles)
    first = variants[0].vectors
    return [
        Row(
            variant.name, variant.layers, variant.parameters, variant.seconds, variant.cycles,
            float((unit_rows(variant.vectors) * unit_rows(first)).sum(1).mean()),
            {system: averaged([split[system][variant.name] for split in splits]) for system in splits[0]},
        )
        for variant in variants
    ]  # fmt: skip


def relative(row: Row, first: Row, system: str) -> Interval:
    """Gain of NDCG@10 over the ``first``, as a share of its mean."""
    than = first.found[system].values["ndcg"]
    return paired_bootstrap(row.found[system].values["ndcg"] / than.mean(), than / than.mean())


def table(rows: Sequence[Row]) -> str:
    """In Markdown."""
    first = rows[0]
    systems = list(first.found)
    heads = [f"{system}: NDCG@10 | against {first.name}" for system in systems]
    lines = [
        f"| encoder | layers | parameters | cycles | seconds | cosine | {' | '.join(heads)} |",
        f"|{' --- |' * (6 + 2 * len(systems))}",
    ]
    for row in rows:
        cells = [f"{row.cycles:,} ({first.cycles / row.cycles:.2f}x fewer)", f"{row.seconds:.0f}", f"{row.cosine:.4f}"]
        for system in systems:
            gain = relative(row, first, system)
            cells += [f"{row.found[system].mean('ndcg'):.4f}", f"{gain.mean:+.1%} [{gain.low:+.1%}, {gain.high:+.1%}]"]
        lines.append(f"| {row.name} | {row.layers} | {row.parameters:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = Options("gatewright.training.variants", __doc__)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="ratings (default: those that are installed)")
    parser.add_argument("--shuffles", type=at_least(1), default=5, metavar="N", help="splits (default: 5)")
    parser.add_out("variants", "checkpoints and the table")
    chosen = parser.parse_args()
    data = load_movielens(chosen.data)

    def progress(stage: str, done: int, total: int) -> None:
        if done == total or done % 10 == 0:
            print(f"{stage}: {done} of {total}", flush=True)

    rows = measured(data, made(data, chosen.out, progress=progress), chosen.shuffles, progress)
    with written_whole(chosen.out / "variants.json") as file:
        file.write(json.dumps(as_json(rows), indent=1).encode())
    print(table(rows))


if __name__ == "__main__":
    sys.exit(outcome(main, extra="train"))
