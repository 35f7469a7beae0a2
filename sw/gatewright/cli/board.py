"""`gatewright board`: what runs on a board, or stands for one."""

from pathlib import Path
from typing import Annotated

import typer

from gatewright.cli import local
from gatewright.cli import serve as virtual
from gatewright.cli.console import print_raw
from gatewright.cli.options import Board, config_for
from gatewright.spec.config import CONFIGS

__all__ = ["app"]

app = typer.Typer(help="Serve an accelerator, on a board or without one.", no_args_is_help=True)
app.command("serve")(virtual.serve)
app.command("local", context_settings={"allow_interspersed_args": False})(local.local)


@app.command()
def agent(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="TCP port; 0 takes a free one.")] = None,
    backend: Annotated[str, typer.Option("--backend", help="board, rtl or golden.")] = "board",
    board: Board = None,
    config: Annotated[
        str | None,
        typer.Option("--config", help=f"Configuration of a simulation: {', '.join(CONFIGS)} (default: the board's)."),
    ] = None,
    bitstream: Annotated[
        Path | None, typer.Option("--bitstream", help="Folder of a built design (default: the one flashed last).")
    ] = None,
    designs: Annotated[Path | None, typer.Option("--designs", help="Folder that keeps what was flashed.")] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="File with the token that clients must show.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Most seconds that one program may take.")] = 300,
    session: Annotated[
        float, typer.Option("--session", min=1, help="Free what a client loaded after so many seconds without a call.")
    ] = 600,
) -> None:
    """Serve the board's accelerator to `--host` of other commands. On a board: as root.

    Ctrl-C ends it, with exit code 0.
    """
    from gatewright.agent.address import DEFAULT_PORT, find_token, read_token
    from gatewright.agent.kept import designs_dir
    from gatewright.agent.machine import Machine
    from gatewright.agent.server import serve
    from gatewright.listening import Address

    chosen = config_for(config, board, backend, bitstream=bitstream)
    assert chosen is not None
    token = read_token(token_file) if token_file else find_token()
    folder = designs or designs_dir()

    def ready(address: Address) -> None:
        access = "a token" if token else "no token: this machine alone"
        print_raw(f"agent on {address}, backend {backend}, {access}")

    serve(
        Address(host, DEFAULT_PORT if port is None else port),
        token,
        lambda: Machine(backend, chosen, board, bitstream, folder, timeout, session),
        ready,
    )
