"""Mutation testing of the hardware.

python -m gatewright_sim.mutation --block sequencer
"""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gatewright.files import written_whole
from gatewright.options import Options, at_least
from gatewright.report import Report
from gatewright_sim.mutation.blocks import BLOCKS, get_block
from gatewright_sim.mutation.campaign import Campaign
from gatewright_sim.mutation.report import described, html, print_table
from gatewright_sim.mutation.score import LEAST, scores, wrongly_listed

COUNT, NETLIST = 40, 10
"""Mutants of a block's sources, and of its cells, where nothing else is asked for."""


def main(arguments: list[str] | None = None) -> int:
    """Print scores and survivors; exit code 1 where a group's share is below LEAST, or the list of equivalent
    mutants is wrong."""
    parser = Options("gatewright_sim.mutation", __doc__)
    parser.add_choice("block", BLOCKS)
    parser.add_seed("which mutants are drawn")
    for name, count, what in (("count", COUNT, "sources"), ("netlist", NETLIST, "cells, by Yosys")):
        said = f"mutants of each block's {what} (default: {count})"
        parser.add_argument(f"--{name}", type=at_least(0), default=count, metavar="N", help=said)
    parser.add_jobs("processes")
    parser.add_out(
        "mutants", "verdicts, report.json and report.html; verdicts that stand there are not found again while "
        "hardware and tests stay as they are"
    )  # fmt: skip
    options = parser.parse_args(arguments)
    if not options.count + options.netlist:
        parser.error("--count and --netlist are 0, allowed: one of them, not both")
    report = Report(options.out)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    blocks = tuple(get_block(name) for name in options.block or BLOCKS)
    campaign = Campaign(blocks, options.count, options.seed, options.out, options.netlist, options.jobs)
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("mutants", total=None)
        outcomes = campaign.run(lambda done, total: progress.update(task, completed=done, total=total))
    found = described(outcomes, options.seed)
    report.write(found)
    with written_whole(options.out / "report.html") as file:
        file.write(html(found).encode())
    print_table(console, outcomes)
    right = all(score.share >= LEAST for score in scores(outcomes, by_group=True)) and not wrongly_listed(outcomes)
    return 0 if right else 1
