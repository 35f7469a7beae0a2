"""`gatewright board serve`: a virtual board behind PYNQ.remote's protocol."""

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewright.cli.console import console, print_raw, step
from gatewright.driver.hosts import PYNQ_PORT
from gatewright.listening import Address
from gatewright.spec.boards import BOARDS, get_board
from gatewright.spec.config import CONFIGS, get_config
from gatewright.spec.errors import GatewrightError

if TYPE_CHECKING:
    from gatewright_sim.virtual_board import EventLog

__all__ = ["built_folders", "serve"]

BUILT = Path(__file__).parents[3] / "bitstreams"
"""Of a checkout."""

WATCH_S = 0.2
"""Between two looks at what happened."""


def serve(
    board: Annotated[str, typer.Option("--board", help=f"Which one: {', '.join(BOARDS)}.")] = "pynq-z2",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="TCP port; 0 takes a free one.")] = PYNQ_PORT,
    config: Annotated[
        str | None,
        typer.Option("--config", help=f"Whose RTL to make ready: {', '.join(CONFIGS)} (default: the board's)."),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    bitstreams: Annotated[
        list[Path] | None, typer.Option("--bitstreams", help="Folder with built designs to accept; may be repeated.")
    ] = None,
    broken_flush: Annotated[
        bool, typer.Option("--broken-flush", help="Cache flushes and invalidations do nothing, as with some kernels.")
    ] = False,
    overclock_corrupts: Annotated[
        bool, typer.Option("--overclock-corrupts", help="Programs above the design's closed clock get wrong results.")
    ] = False,
    stalls: Annotated[
        float, typer.Option("--stalls", min=0, max=0.9, help="Chance that a memory channel pauses in a cycle.")
    ] = 0.0,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of these, and of what registers hold before their reset.")
    ] = 0,
    booted: Annotated[
        bool, typer.Option("--booted-with-another", help="It has a design of somebody else's, as PYNQ's images boot.")
    ] = False,
    refuse_frozen: Annotated[
        bool, typer.Option("--refuse-frozen", help="Calls to a frozen board get an error, not silence as from silicon.")
    ] = False,
) -> None:
    """Serve a virtual board to PYNQ's remote clients. Ctrl-C ends it, with exit code 0.

    It takes the bitstreams of `gatewright build --tool simulation`, and others that were built from just these
    sources. What happens on the board is printed as it happens.
    """
    from gatewright_sim.rtl.build import build_library
    from gatewright_sim.virtual_board import VirtualBoard
    from gatewright_sim.virtual_board.fabric_top import fabric_verilog
    from gatewright_sim.virtual_board.pynq_remote import PynqRemoteServer, WhenFrozen

    chosen = get_board(board)
    expected = chosen.default_config if config is None else get_config(config)
    folders = built_folders(bitstreams)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with (
        VirtualBoard(
            chosen,
            broken_flush=broken_flush,
            bitstreams=folders,
            overclock_corrupts=overclock_corrupts,
            booted_with_another=booted,
            stalls=stalls,
            seed=seed,
        ) as virtual,
        PynqRemoteServer(
            virtual,
            host,
            port,
            WhenFrozen.REFUSE if refuse_frozen else WhenFrozen.HANG,
        ) as server,
    ):
        with step(f"building the fabric of {chosen.name} with {expected.name}"):
            build_library(fabric_verilog(chosen, expected))
        print_raw(f"{chosen.title} at pynq://{Address(host, server.port)}, Ctrl-C ends it")
        _watch(virtual.log, stop)


def built_folders(bitstreams: list[Path] | None) -> list[Path]:
    """Where built designs lie: what ``--bitstreams`` names, and a checkout's. Raises :class:`GatewrightError`."""
    for folder in bitstreams or ():
        if not folder.is_dir():
            raise GatewrightError(f"--bitstreams {folder}: no such folder")
    return [*(bitstreams or []), *([BUILT] if BUILT.is_dir() else [])]


def _watch(log: "EventLog", stop: threading.Event) -> None:
    """Print events until it is time to stop."""
    shown = 0
    while True:
        ended = stop.wait(WATCH_S)
        for event in log.events[shown:]:
            style = {"WARNING": "yellow", "FATAL": "bold red"}.get(event.level.name, "dim")
            console.print(f"[{event.seconds:10.3f}] {event.text}", style=style, markup=False)
            shown += 1
        if ended:
            return
