"""Prove what the hardware's parts promise, and that each proof finds the bugs seeded for it.

python -m gatewright_sim.formal
python -m gatewright_sim.formal --only queues --only arbiter_read
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from rich.console import Console

from gatewright.files import check_writable, written_whole
from gatewright.outcome import outcome
from gatewright_sim.formal.campaign import run
from gatewright_sim.formal.catalogue import select
from gatewright_sim.formal.report import to_json, to_table

FOLDER = Path("build/formal")


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 1 where a proof fails."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m gatewright_sim.formal", description=summary)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a proof or a group (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="solvers at a time (default: 2)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"for logs and traces (default: {FOLDER})")
    parser.add_argument("--json", type=Path, help="write the results there, too")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"--jobs is {options.jobs}, allowed: at least 1")
    console = Console()
    results = []
    begin = time.monotonic()
    if options.json:
        check_writable(options.json)  # now, not after all proofs
    for result in run(select(options.only), options.folder, options.jobs):
        results.append(result)
        seconds, proof = time.monotonic() - begin, result.proof
        console.print(f"{seconds:5.0f} s  {proof.name}: {proof.promise}", markup=False, soft_wrap=True)
    if options.json:
        with written_whole(options.json) as file:
            file.write((json.dumps(to_json(results), indent=2) + "\n").encode())
    console.print(to_table(results))
    faults = [fault for result in results for fault in result.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(outcome(main))
