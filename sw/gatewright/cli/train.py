"""`gatewright train`: one system learnt, and how good it is."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from gatewright.cli.console import bars, output, step
from gatewright.cli.options import Data, Json, check_outputs, data_files, write_json

if TYPE_CHECKING:
    from gatewright.evaluation.quality import Quality

__all__ = ["train"]

HYBRID = "hybrid"


def train(
    system: Annotated[str, typer.Option("--system", help="Its name (a wrong one lists all).")] = HYBRID,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="NAME=VALUE of the system, repeatable (a wrong one lists all).")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of the training (default: 0).")] = None,
    shuffle: Annotated[int, typer.Option("--shuffle", min=0, help="Of ratings of the same second.")] = 0,
    data: Data = None,
    json: Json = None,
) -> None:
    """Train a recommender on each user's earlier ratings, and ask it for the later ones.

    For validation it learns what is before, for the test validation as well. Choose options by validation: a test that
    is looked at for choices tells nothing of others. What was trained before is read from the cache.
    """
    check_outputs({"--json": json}, data_files(data))
    with step("loading"):
        from gatewright.comparison.named import entry_named, system_with
        from gatewright.comparison.protocols import FULL
        from gatewright.comparison.row import Part, Splits, result_of
        from gatewright.models.data import load_movielens
        from gatewright.models.data.splits import UserTimeSplit
        from gatewright.reproduction.systems import NAMED

        entry = entry_named(system, NAMED)
        made = system_with(entry, seed, option or [])
        splits = Splits(load_movielens(data), k=10)
    rule = UserTimeSplit(seed=shuffle)
    found = {}
    with bars() as progress:
        for done, part in enumerate(Part):
            progress(f"{entry.name}: training and asking", done, len(Part))
            found[part.value] = result_of(made, splits, rule, part)
        progress(f"{entry.name}: training and asking", len(Part), len(Part))
    result = {
        "system": entry.name,
        "options": vars(made),
        "data": splits.data.name,
        "split": rule.identity,
        **{part: {"fit_seconds": seconds, **_told(asked[FULL])} for part, (seconds, asked) in found.items()},
    }
    write_json(json, result)
    table = Table("", "users", "NDCG@10", "Recall@10", "HR@10", "MRR", "CPU s", title=f"{entry.name}, full ranking")
    for part, (seconds, asked) in found.items():
        table.add_row(part, f"{len(asked[FULL].users)}", *_cells(asked[FULL]), f"{seconds:.1f}")
    console = output(json)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in vars(made).items()))


def _told(quality: "Quality") -> dict[str, Any]:
    from gatewright.evaluation.quality import as_json

    return {
        "users": len(quality.users),
        **{name: {"mean": quality.mean(name), "interval": as_json(quality.interval(name))} for name in quality.values},
    }


def _cells(quality: "Quality") -> list[str]:
    """The interval, of 95 % over users, of the metric that is chosen by alone: a terminal is not wide."""
    means = ["" if (mean := quality.mean(name)) is None else f"{mean:.4f}" for name in quality.values]
    interval = quality.interval("ndcg")
    return [means[0] + (f" [{interval.low:.4f}, {interval.high:.4f}]" if interval else ""), *means[1:]]
