"""`gatewright board local`: a command that runs as if on a board."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from gatewright.cli.console import console
from gatewright.cli.serve import built_folders
from gatewright.spec.boards import BOARDS, get_board

__all__ = ["local"]


class _Happenings(logging.Handler):
    """What happens on the board, on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        console.print(f"board: {record.getMessage()}", markup=False)


def local(
    board: Annotated[str, typer.Option("--board", help=f"Which one: {', '.join(BOARDS)}.")],
    command: Annotated[list[str], typer.Argument(help="Command and arguments, best after `--`.", show_default=False)],
    bitstreams: Annotated[
        list[Path] | None, typer.Option("--bitstreams", help="Folder with built designs to accept; may be repeated.")
    ] = None,
    cma: Annotated[
        int | None, typer.Option("--cma", min=9, help="MiB reserved for contiguous buffers (default: the board's).")
    ] = None,
    broken_flush: Annotated[
        bool, typer.Option("--broken-flush", help="Cache flushes and invalidations do nothing, as with some kernels.")
    ] = False,
    root: Annotated[bool, typer.Option("--root/--no-root", help="Run as root, or as a user without rights.")] = True,
    xrt: Annotated[bool, typer.Option("--xrt/--no-xrt", help="With XRT's environment, or without.")] = True,
    uio: Annotated[bool, typer.Option("--uio/--no-uio", help="With a UIO node for the interrupt, or without.")] = True,
    frozen: Annotated[
        float, typer.Option("--frozen", min=0, help="Seconds until the processes of a frozen board are ended.")
    ] = 10.0,
) -> None:
    """Run COMMAND as if on the board: PYNQ's on-board code works in it, unchanged. Linux on x86-64 alone.

    COMMAND sees the board's /dev/mem, UIO node, FPGA manager, /lib/firmware, device tree and memory, uname's processor,
    XRT's library, its module pyxrt and xclbinutil; all else is the machine's own: Python, its packages, files, network.
    The processes that it starts are on the same board, so a shell or a script shows several; a new board is powered up
    each time.

    Real are the register accesses, word by word, the RTL behind them, its interrupt, PYNQ and the driver. Stood in for
    are the kernel's drivers and XRT. A processor's cache is a second image of each cacheable buffer, which only a sync
    compares with DRAM. Programs without dynamic libraries see the machine, not the board.
    """
    from gatewright_sim.virtual_board import VirtualBoard
    from gatewright_sim.virtual_board.local import LocalDoor

    logger = logging.getLogger("gatewright_sim.virtual_board")
    logger.addHandler(_Happenings(logging.WARNING))
    chosen, folders = get_board(board), built_folders(bitstreams)
    cma_bytes = None if cma is None else cma << 20
    with (
        VirtualBoard(chosen, bitstreams=folders, broken_flush=broken_flush, cma_bytes=cma_bytes) as virtual,
        LocalDoor(virtual, root=root, xrt=xrt, uio=uio, frozen_s=frozen) as door,
    ):
        raise typer.Exit(door.run(command))
