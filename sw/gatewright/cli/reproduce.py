"""`gatewright reproduce`: the paper's table, measured."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gatewright.cli.console import bars, console, output, step
from gatewright.cli.options import Data, check_outputs, data_files, output_file

__all__ = ["reproduce"]

FILES = ("report.json", "report.csv", "lines.csv", "report.md", "report.html")


def reproduce(
    out: Annotated[Path, typer.Option("--out", help=f"Folder for {', '.join(FILES)}.")],
    quick: Annotated[bool, typer.Option("--quick", help="A part of it, in minutes; the report says which.")] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Processes at a time (default: as many as there are cores).")
    ] = os.cpu_count() or 1,
    data: Data = None,
) -> None:
    """Measure all systems and optimisations, and write tables and pictures beside the paper's figures.

    What was measured is kept: a run that was broken off loses the trainings that it was in.
    """
    inputs = data_files(data)
    out.mkdir(parents=True, exist_ok=True)
    check_outputs({f"--out: {name}": out / name for name in FILES}, inputs)
    with step("loading"):
        from gatewright.comparison.sheets import csv_text
        from gatewright.evaluation.quality import as_json
        from gatewright.models.data import load_movielens
        from gatewright.reproduction.page import page
        from gatewright.reproduction.reproduction import reproduce as measured
        from gatewright.reproduction.scope import FULL, QUICK
        from gatewright.reproduction.tables import all_sheets, lines_csv
        from gatewright.sheet import markdown, table

        ratings = load_movielens(data)
    with bars() as progress:
        found = measured(ratings, QUICK if quick else FULL, jobs, progress)
    sheets = all_sheets(found)
    told = json.dumps(as_json(found), indent=1) + "\n"
    texts = told, csv_text(found.systems), lines_csv(found), markdown(sheets), page(found)
    for name, text in zip(FILES, texts, strict=True):
        with output_file("--out", out / name) as file:
            file.write(text.encode())
    whole, *others = sheets[:3]
    terse = replace(whole, columns=whole.columns[:-1], rows=tuple(row[:-1] for row in whole.rows))  # without remarks
    for sheet in (terse, *others):
        output().print(table(sheet))
    console.print(f"{out / 'report.html'}")
