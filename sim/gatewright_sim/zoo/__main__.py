"""``python -m gatewright_sim.zoo``: see :mod:`.command`."""

import sys

from gatewright.outcome import outcome_of

if __name__ == "__main__":
    sys.exit(outcome_of("gatewright_sim.zoo.command", extra="zoo"))
