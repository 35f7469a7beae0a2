"""Mutation testing of the hardware.

python -m gatewright_sim.mutation --block sequencer
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gatewright.files import written_whole
from gatewright.outcome import outcome
from gatewright_sim.mutation.blocks import BLOCKS, get_block
from gatewright_sim.mutation.campaign import Campaign
from gatewright_sim.mutation.report import html, print_table, report
from gatewright_sim.mutation.score import LEAST, scores, wrongly_listed

COUNT, NETLIST = 40, 10
"""Mutants of a block's sources, and of its cells, where nothing else is asked for."""


def _number(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is given, allowed: 1 and more")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Print scores and survivors; exit code 1 where a group's share is below LEAST, or the list of equivalent
    mutants is wrong."""
    parser = argparse.ArgumentParser(prog="python -m gatewright_sim.mutation", description=__doc__.splitlines()[0])
    parser.add_argument("--block", action="append", help=f"these alone, of {', '.join(BLOCKS)} (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="which mutants are drawn")
    parser.add_argument(
        "--count", type=_number, default=COUNT, help=f"mutants of each block's sources (default: {COUNT})"
    )
    parser.add_argument(
        "--netlist", type=_number, default=NETLIST, help=f"mutants of each block's cells, by Yosys (default: {NETLIST})"
    )
    parser.add_argument("--jobs", type=_number, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--out", type=Path, default=Path("build/mutants"), help="folder of verdicts, report.json and report.html; "
        "verdicts that stand there are not found again while hardware and tests stay as they are"
    )  # fmt: skip
    options = parser.parse_args(arguments)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    blocks = tuple(get_block(name) for name in options.block or BLOCKS)
    campaign = Campaign(blocks, options.count, options.seed, options.out, options.netlist, options.jobs)
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("mutants", total=None)
        outcomes = campaign.run(lambda done, total: progress.update(task, completed=done, total=total))
    described = report(outcomes, options.seed)
    for name, text in (("report.json", json.dumps(described, indent=1)), ("report.html", html(described))):
        with written_whole(options.out / name) as file:
            file.write(text.encode())
    print_table(console, outcomes)
    right = all(score.share >= LEAST for score in scores(outcomes, by_group=True)) and not wrongly_listed(outcomes)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(outcome(main))
