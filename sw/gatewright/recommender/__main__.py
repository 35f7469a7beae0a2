"""``python -m gatewright.recommender DIR --user 15 --query "..."``: a request from a bundle, on the board itself or,
with ``--host``, on one elsewhere.

Needs numpy and tokenizers; with a host, also grpcio or pynq. Exit codes are those of :mod:`gatewright.outcome`.
"""

import sys

from gatewright.outcome import outcome

__all__ = ["main"]


def main(arguments: "list[str] | None" = None) -> int:
    """Run the command line; returns the exit code."""

    def command() -> None:
        from gatewright.recommender.command import answer

        answer(arguments)

    return outcome(command)


if __name__ == "__main__":
    sys.exit(main())
