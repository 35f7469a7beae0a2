"""Prove what the hardware's parts promise, and that each proof finds the bugs seeded for it.

python -m gatewright_sim.formal
python -m gatewright_sim.formal --proof queues --proof arbiter_read
"""

from __future__ import annotations

import sys
import time

from rich.console import Console

from gatewright.options import Options
from gatewright.report import Report
from gatewright_sim.formal.campaign import run
from gatewright_sim.formal.catalogue import GROUPS, PROOFS, select
from gatewright_sim.formal.report import to_json, to_table


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 1 where a proof fails."""
    parser = Options("gatewright_sim.formal", __doc__)
    parser.add_choice("proof", (*GROUPS, *PROOFS))
    parser.add_jobs("solvers")
    parser.add_out("formal", "report.json, logs and traces")
    options = parser.parse_args(arguments)
    report = Report(options.out)
    console, results, begin = Console(), [], time.monotonic()
    for result in run(select(options.proof), options.out, options.jobs):
        results.append(result)
        seconds, proof = time.monotonic() - begin, result.proof
        console.print(f"{seconds:5.0f} s  {proof.name}: {proof.promise}", markup=False, soft_wrap=True)
    report.write(to_json(results))
    console.print(to_table(results))
    faults = [fault for result in results for fault in result.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0
