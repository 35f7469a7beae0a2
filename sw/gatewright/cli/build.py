"""`gatewright build`: a bitstream for a board, with its handoff, manifest and report."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from gatewright.cli.console import console, output, step
from gatewright.spec.boards import BOARDS, get_board
from gatewright.spec.config import CONFIGS, get_config
from gatewright.spec.errors import GatewrightError

__all__ = ["build"]


class Tool(Enum):
    """What builds."""

    openxc7 = "openxc7"
    vivado = "vivado"
    simulation = "simulation"


def build(
    board: Annotated[str, typer.Option("--board", help=f"For which board: {', '.join(BOARDS)}.")],
    tool: Annotated[Tool, typer.Option("--tool", help="What builds it; simulation: for virtual boards alone.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write: a new one, or a former build to replace.")
    ] = None,
    freq: Annotated[
        float | None, typer.Option("--freq", min=0.01, help="Fabric clock in MHz (default: the configuration's).")
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", help=f"Configuration: {', '.join(CONFIGS)} (default: the board's).")
    ] = None,
    work: Annotated[Path | None, typer.Option("--work", help="Folder of the tool's own files, to keep.")] = None,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only write the tool's sources and scripts to --work, to run elsewhere.")
    ] = False,
    collect: Annotated[
        bool, typer.Option("--collect", help="Only make --out of what the tool has left in --work.")
    ] = False,
    unvouched: Annotated[
        list[str] | None,
        typer.Option("--unvouched", metavar="WHY", help="Take tools that are refused else; the manifest says why."),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Longest run of one tool, in seconds.")] = 14400,
) -> None:
    """Build a bitstream: .bit, .hwh, manifest and report in one folder, which appears whole or not at all.

    openXC7 (nextpnr-xilinx, fasm2frames, xc7frames2bit) is taken from PATH, its data from where its packages put them,
    unless an environment variable says where: GATEWRIGHT_OPENXC7 the folder of the programs, OPENXC7_CHIPDB the chip
    database or a folder of them, PRJXRAY_DB_DIR Project X-Ray's database; GATEWRIGHT_OPENXC7_RELEASE=YYYY-MM-DD is the
    day of nextpnr-xilinx's sources, where its version does not say it. Releases with bugs that only silicon shows are
    refused, unless --unvouched says what else is doubtful about tools and data; the manifest keeps that with what is
    known of them, and boards take such a bitstream only from those who name it in GATEWRIGHT_UNVOUCHED.

    Vivado is taken from PATH, or from where GATEWRIGHT_VIVADO says. Where it is on another machine: --work DIR
    --prepare, there `vivado -mode batch -source build.tcl` in DIR, then --work DIR --collect.
    """
    _check_stages(out, work, prepare, collect)
    reasons = tuple(unvouched or ())
    if not all(reason.strip() for reason in reasons):
        raise GatewrightError("--unvouched is empty, allowed: what is doubtful about tools and data")
    chosen = get_board(board)
    accelerator = chosen.default_config if config is None else get_config(config)
    import gatewright_hw.build as flows

    request = flows.Request.of(chosen, accelerator, freq, timeout_s=timeout, unvouched=reasons, say=console.print)
    asked = accelerator.clock_mhz if freq is None else freq
    if abs(asked - request.clock.mhz) > 1e-6 * asked:
        console.print(f"clock: {request.clock.mhz:g} MHz, the fastest that {board} can make below {asked:g} MHz")
    what = f"{accelerator.name} for {board} with {tool.value}"
    if prepare:
        with step(f"preparing {what}"):
            flows.prepare(tool.value, request, work)
        output().print(f"prepared   {work}")
        return
    with step(f"building {what}"):
        if collect:
            built = flows.collect(tool.value, request, work, out)
        else:
            built = flows.build(tool.value, request, out, work)
    clock = built.manifest.clock
    rests = f" ({clock.bound})" if clock.bound else ""
    print_ = output().print
    print_(f"bitstream  {built.path('.bit')}")
    print_(f"report     {built.folder / 'report.html'}")
    print_(f"clock      {clock.set_mhz:g} MHz, closed at {clock.closed_mhz:g} MHz{rests}")
    print_(f"state      {built.manifest.physical}")
    for reason in built.manifest.unvouched:
        print_(f"unvouched  {reason}")


def _check_stages(out: Path | None, work: Path | None, prepare: bool, collect: bool) -> None:
    """Refuse options that do not go together."""
    if prepare and collect:
        raise GatewrightError("--prepare and --collect are two steps, allowed: one of them")
    if (prepare or collect) and work is None:
        raise GatewrightError(f"{'--prepare' if prepare else '--collect'} needs --work, the tool's folder")
    if prepare and out is not None:
        raise GatewrightError("--prepare writes to --work, allowed: no --out")
    if not prepare and out is None:
        raise GatewrightError("--out is missing, the folder to write")
