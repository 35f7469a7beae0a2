"""Entry point of the `gatewright` command."""

import sys

from gatewright.spec.errors import GatewrightError


def main() -> None:
    """Run the command line; every error that the toolkit raises on purpose ends as one line and exit code 2."""
    try:
        from gatewright.cli import app
    except ModuleNotFoundError as error:
        sys.exit(f"error: the command line needs {error.name}: pip install 'gatewright[cli]'")
    try:
        app()
    except GatewrightError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
