"""Entry point of the `gatewright` command."""

import sys

from gatewright.spec.errors import GatewrightError

__all__ = ["main"]


def main() -> None:
    """Run the command line; an error raised on purpose, or a missing extra, ends as one line and exit code 2."""
    try:
        from gatewright.cli import app

        app()
    except GatewrightError as error:
        message = str(error)
    except ModuleNotFoundError as error:
        if (error.name or "gatewright").startswith("gatewright"):
            raise
        needed = str(error.name).partition(".")[0]
        message = f"this command needs {needed}: pip install 'gatewright[cli,sim,models]'"
    else:
        return
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
