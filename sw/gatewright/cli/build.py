"""`gatewright build`: a bitstream for a board, with its handoff, manifest and report."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from gatewright.cli.console import console, output, step
from gatewright.spec.boards import BOARDS, get_board
from gatewright.spec.config import CONFIGS, get_config

__all__ = ["build"]


class Tool(Enum):
    """What builds."""

    openxc7 = "openxc7"
    simulation = "simulation"


def build(
    board: Annotated[str, typer.Option("--board", help=f"For which board: {', '.join(BOARDS)}.")],
    tool: Annotated[Tool, typer.Option("--tool", help="What builds it; simulation: for virtual boards alone.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write: a new one, or a former build to replace.")],
    freq: Annotated[
        float | None, typer.Option("--freq", min=0.01, help="Fabric clock in MHz (default: the configuration's).")
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", help=f"Configuration: {', '.join(CONFIGS)} (default: the board's).")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Longest run of one tool, in seconds.")] = 14400,
) -> None:
    """Build a bitstream: .bit, .hwh, manifest and report in one folder, which appears whole or not at all.

    openXC7 (nextpnr-xilinx, fasm2frames, xc7frames2bit) is taken from PATH, its data from where its packages put them,
    unless an environment variable says where: GATEWRIGHT_OPENXC7 the folder of the programs, OPENXC7_CHIPDB the chip
    database or a folder of them, PRJXRAY_DB_DIR Project X-Ray's database; GATEWRIGHT_OPENXC7_RELEASE=YYYY-MM-DD is the
    day of nextpnr-xilinx's sources, where its version does not say it. Releases with bugs that only silicon shows are
    refused.
    """
    chosen = get_board(board)
    accelerator = chosen.default_config if config is None else get_config(config)
    from gatewright_hw.build import Request
    from gatewright_hw.build import build as build_

    request = Request.of(chosen, accelerator, freq, timeout_s=timeout, say=console.print)
    asked = accelerator.clock_mhz if freq is None else freq
    if abs(asked - request.clock.mhz) > 1e-6 * asked:
        console.print(f"clock: {request.clock.mhz:g} MHz, the fastest that {board} can make below {asked:g} MHz")
    with step(f"building {accelerator.name} for {board} with {tool.value}"):
        built = build_(tool.value, request, out)
    clock = built.manifest.clock
    rests = f" ({clock.bound})" if clock.bound else ""
    print_ = output().print
    print_(f"bitstream  {built.path('.bit')}")
    print_(f"clock      {clock.set_mhz:g} MHz, closed at {clock.closed_mhz:g} MHz{rests}")
    print_(f"state      {built.manifest.physical}")
