"""`gatewright flash`: a built design into the fabric of a board, here or behind a network."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from gatewright.artefact import Built
from gatewright.cli.console import output, step
from gatewright.cli.options import Board, Host, Json, check_outputs, write_json
from gatewright.driver.board import BoardBackend
from gatewright.driver.board.designs import choose_design
from gatewright.driver.board.opening import board_of, open_port
from gatewright.driver.hosts import is_pynq_host, parse_pynq_host
from gatewright.spec.boards import get_board

__all__ = ["flash"]


def flash(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of a built design, or its .bit (default: the newest for the board).")
    ] = None,
    board: Board = None,
    host: Host = None,
    json: Json = None,
) -> None:
    """Load a bitstream: checked first, the old design brought to rest, the clock set and read back, its ID read."""
    check_outputs({"--json": json})
    wanted = get_board(board).name if board else ""
    by_agent = host is not None and not is_pynq_host(host)
    if host is not None and not by_agent:
        parse_pynq_host(host)
    if folder is None and not wanted:
        with step(f"asking {host or 'this board'} what it is"):
            wanted = _board_at(host, by_agent)
    built = choose_design(None, wanted, folder)
    name = built.path(".bit").stem
    with step(f"loading {name}"):
        result = _by_agent(host, built) if by_agent and host else _directly(host, built, wanted)
    write_json(json, result)
    print_ = partial(output(json).print, soft_wrap=True)
    print_(f"loaded  {escape(name)} on {escape(host or 'this board')}")
    closed = built.manifest.clock
    bound = f" ({closed.bound})" if closed.bound else ""
    print_(f"clock   {result['clock_mhz']:.3f} MHz as read back, closed at {closed.closed_mhz:g} MHz{escape(bound)}")
    print_(f"state   {escape(built.manifest.physical)}")
    for reason in built.manifest.unvouched:
        print_(f"nobody vouches for it: {escape(reason)}")
    for note in result["notes"]:
        print_(f"note    {escape(note)}")


def _board_at(host: str | None, by_agent: bool) -> str:
    if by_agent and host:
        from gatewright.agent.flash import board_of_agent  # needs grpcio

        return board_of_agent(host)
    return board_of(open_port(host))


def _by_agent(host: str, built: Built) -> dict[str, Any]:
    from gatewright.agent.flash import flash_agent  # needs grpcio

    status = flash_agent(host, built)
    return {name: status[name] for name in ("design", "board", "clock_mhz", "notes")}


def _directly(host: str | None, built: Built, board: str) -> dict[str, Any]:
    opened = BoardBackend(built.manifest.config, bitstream=built.folder, board=board or None, host=host)
    try:
        design, name = opened.built.path(".bit").stem, opened.built.manifest.board
        return {"design": design, "board": name, "clock_mhz": opened.clock_mhz, "notes": opened.notes}
    finally:
        opened.close()
