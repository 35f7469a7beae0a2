"""``python -m gatewright.recommender DIR --user 15 --query "..."``: a request from a bundle, on the board itself or,
with ``--host``, on one elsewhere.

Needs numpy and tokenizers; with a host, also grpcio or pynq. Exit codes: 0 done; 2 what kept it from its work, in one
line on stderr; 130 interrupted; 128 + n ended by signal n.
"""

import sys

from gatewright.signals import ended_by_signals
from gatewright.spec.errors import GatewrightError

__all__ = ["main"]


def main(arguments: "list[str] | None" = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        with ended_by_signals():
            from gatewright.recommender.command import answer  # takes a while, in which Ctrl-C is no other than later

            answer(arguments)
    except GatewrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
