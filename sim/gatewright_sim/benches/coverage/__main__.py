"""``python -m gatewright_sim.benches.coverage``: see :mod:`.command`."""

import sys

from gatewright.outcome import outcome_of

if __name__ == "__main__":
    sys.exit(outcome_of("gatewright_sim.benches.coverage.command", extra="sim"))
