"""``python -m gatewright_sim.benches.coverage``: runs the benches of the engines with all their seeds, prints which
bins they reached, and ends with 1 where one was never hit."""

from __future__ import annotations

import sys

from gatewright.outcome import outcome
from gatewright_sim.benches.coverage.collect import holes, table
from gatewright_sim.benches.coverage.measure import measure


def main() -> int:
    counts = measure()
    print(table(counts))
    missing = holes(counts)
    print(f"{len(missing)} bins were never hit" if missing else "every bin was hit")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(outcome(main))
