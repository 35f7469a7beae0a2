"""`gatewright board`: boards that are not there."""

import typer

from gatewright.cli import serve

__all__ = ["app"]

app = typer.Typer(help="Boards, real and virtual.", no_args_is_help=True)
app.command("serve")(serve.serve)
