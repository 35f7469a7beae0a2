"""Entry point of the `gatewright` command.

Exit codes: 1 a simulation, bench or answer that differs from the golden model; 3 `compile --strict` above its bound;
the others are those of :mod:`gatewright.outcome`.
"""

import sys

from gatewright.outcome import outcome

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit."""
    sys.exit(outcome(_command))


def _command() -> "int | None":
    from gatewright.cli import app

    return app(standalone_mode=False)


if __name__ == "__main__":
    main()
