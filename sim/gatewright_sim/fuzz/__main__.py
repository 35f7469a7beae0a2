"""Fuzz what takes files, messages and commands.

python -m gatewright_sim.fuzz --minutes 60
python -m gatewright_sim.fuzz --target streams --minutes 10 --seed 7
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from gatewright.files import check_writable, written_whole
from gatewright.outcome import outcome
from gatewright_sim.fuzz.catalogue import TARGETS, get_target
from gatewright_sim.fuzz.process import fuzz
from gatewright_sim.fuzz.report import to_json, to_table

CORPUS = Path("tests/sim/fuzz/corpus")


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 1 where something is found, 130 after Ctrl-C, whose table tells what was done."""
    parser = argparse.ArgumentParser(prog="python -m gatewright_sim.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="of all targets together (default: 5)")
    parser.add_argument("--seed", type=int, default=1, help="which cases are drawn (default: 1)")
    parser.add_argument("--target", action="append", metavar="NAME", help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help=f"of cases; findings join it (default: {CORPUS})")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="folder of report.json")
    options = parser.parse_args(arguments)
    if not (options.minutes > 0 and options.seed >= 0):
        parser.error(f"--minutes is {options.minutes}, --seed is {options.seed}, allowed: above 0, and 0 or more")
    console, tallies, interrupted = Console(), [], False
    options.out.mkdir(parents=True, exist_ok=True)
    check_writable(options.out / "report.json")  # now, not after hours
    targets = [get_target(name) for name in options.target or TARGETS]
    try:
        for tally in fuzz(targets, options.corpus, options.seed, 60 * options.minutes / len(targets)):
            console.print(f"{tally.target}: {tally.cases:,} cases, {len(tally.findings)} findings", markup=False)
            tallies.append(tally)
    except KeyboardInterrupt:
        interrupted = True
    with written_whole(options.out / "report.json") as file:
        file.write((json.dumps(to_json(tallies, options.seed), indent=1) + "\n").encode())
    console.print(to_table(tallies))
    for tally in tallies:
        for finding in tally.findings.values():
            print(f"{tally.target}: {finding}", file=sys.stderr)
    if interrupted:
        return 130
    return 1 if any(tally.findings for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(outcome(main))
