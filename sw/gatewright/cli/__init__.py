"""The `gatewright` command: one file per subcommand."""

from gatewright.cli.app import app

__all__ = ["app"]
