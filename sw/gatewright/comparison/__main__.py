"""``python -m gatewright.comparison``: see :mod:`.command`."""

import sys

from gatewright.outcome import outcome_of

if __name__ == "__main__":
    sys.exit(outcome_of("gatewright.comparison.command", extra="models"))
