"""Fuzz what takes files, messages and commands.

python -m gatewright_sim.fuzz --minutes 60
python -m gatewright_sim.fuzz --target streams --minutes 10 --seed 7
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from gatewright.options import Options
from gatewright.report import Report
from gatewright_sim.fuzz.catalogue import TARGETS, get_target
from gatewright_sim.fuzz.process import fuzz
from gatewright_sim.fuzz.report import to_json, to_table

CORPUS = Path("tests/sim/fuzz/corpus")


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 1 where something is found, 130 after Ctrl-C, whose table tells what was done."""
    parser = Options("gatewright_sim.fuzz", __doc__)
    parser.add_choice("target", TARGETS)
    parser.add_seed("which cases are drawn")
    parser.add_argument("--minutes", type=float, default=5.0, help="of all targets together (default: 5)")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help=f"of cases; findings join it (default: {CORPUS})")
    parser.add_out("fuzz", "report.json")
    options = parser.parse_args(arguments)
    if not options.minutes > 0:
        parser.error(f"--minutes is {options.minutes}, allowed: above 0")
    report = Report(options.out)
    console, tallies, interrupted = Console(), [], False
    targets = [get_target(name) for name in options.target or TARGETS]
    try:
        for tally in fuzz(targets, options.corpus, options.seed, 60 * options.minutes / len(targets)):
            console.print(f"{tally.target}: {tally.cases:,} cases, {len(tally.findings)} findings", markup=False)
            tallies.append(tally)
    except KeyboardInterrupt:
        interrupted = True
    report.write(to_json(tallies, options.seed))
    console.print(to_table(tallies))
    for tally in tallies:
        for finding in tally.findings.values():
            print(f"{tally.target}: {finding}", file=sys.stderr)
    if interrupted:
        return 130
    return 1 if any(tally.findings for tally in tallies) else 0
