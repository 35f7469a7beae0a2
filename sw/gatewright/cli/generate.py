"""`gatewright generate`: the Verilog of a configuration, its register documentation and a manifest."""

from pathlib import Path
from typing import Annotated

import typer

from gatewright.cli.console import console, step
from gatewright.cli.options import Config
from gatewright.files import reason
from gatewright.spec.config import get_config
from gatewright.spec.errors import GatewrightError

__all__ = ["generate"]


def generate(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; made if missing.")],
    config: Config = "pynq-z2",
) -> None:
    """Write the Verilog, the register and command documentation, and a manifest with hashes."""
    chosen = get_config(config)
    from gatewright_hw.generate import write

    try:
        out.mkdir(parents=True, exist_ok=True)
        with step(f"generating {config}"):
            files = write(chosen, out)
    except OSError as error:
        raise GatewrightError(f"--out {out}: {reason(error)}") from error
    for file in files:
        console.print(f"  {file}")
