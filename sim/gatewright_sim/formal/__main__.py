"""``python -m gatewright_sim.formal``: see :mod:`.command`."""

import sys

from gatewright.outcome import outcome_of

if __name__ == "__main__":
    sys.exit(outcome_of("gatewright_sim.formal.command", extra="formal"))
