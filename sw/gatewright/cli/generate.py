"""`gatewright generate`: the Verilog of a configuration, its register documentation and a manifest."""

from pathlib import Path
from typing import Annotated

import typer

from gatewright.cli.console import console, step
from gatewright.files import reason
from gatewright.spec.boards import BOARDS, get_board
from gatewright.spec.config import CONFIGS, get_config
from gatewright.spec.errors import GatewrightError

__all__ = ["generate"]


def generate(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; made if missing.")],
    board: Annotated[
        str | None, typer.Option("--board", help=f"Also write the whole fabric of a board: {', '.join(BOARDS)}.")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option("--config", help=f"Configuration: {', '.join(CONFIGS)} (default: the board's, or pynq-z2)."),
    ] = None,
) -> None:
    """Write the Verilog, the register and command documentation, and a manifest with hashes."""
    target = None if board is None else get_board(board)
    chosen = get_config(config or (target.config if target else "pynq-z2"))
    from gatewright_hw.generate import write

    try:
        out.mkdir(parents=True, exist_ok=True)
        with step(f"generating {chosen.name}"):
            files = write(chosen, out, target)
    except OSError as error:
        raise GatewrightError(f"--out {out}: {reason(error)}") from error
    for file in files:
        console.print(f"  {file}")
