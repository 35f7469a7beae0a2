"""One build, from request to folder, by any tool."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatewright.artefact import Built
from gatewright_hw.build.artefacts import check_out, write_built
from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.flow import LOG, Flow, Request, Result
from gatewright_hw.build.openxc7.flow import OpenXc7Flow
from gatewright_hw.build.simulation import SimulationFlow

__all__ = ["FLOWS", "build"]

FLOWS: dict[str, Flow] = {"openxc7": OpenXc7Flow(), "simulation": SimulationFlow()}
"""The tools by name."""


def build(tool: str, request: Request, out: Path) -> Built:
    """Build ``request`` with ``tool`` into the folder ``out``, which appears whole or not at all.

    Raises :class:`BuildError`: the tool is missing, fails, takes too long, or does not meet the clock; ``out`` holds
    other things.
    """
    check_out(out)
    flow = FLOWS[tool]
    with _work_folder() as work:
        flow.prepare(request, work)
        flow.run(request, work)
        result = flow.collect(request, work)
        check_clock(request, result)
    for remark in result.remarks:
        request.say(remark)
    return write_built(tool, request, result, out)


@contextmanager
def _work_folder() -> Iterator[Path]:
    """A folder that stays where the body fails and has left a log in it, which the error names."""
    work = Path(tempfile.mkdtemp(prefix="gatewright-build-"))
    try:
        yield work
    except BaseException:
        if not (work / LOG).exists():
            shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)


def check_clock(request: Request, result: Result) -> None:
    """Raise :class:`BuildError`, with the worst path, where the clock asked for is not met."""
    if request.clock.mhz <= result.closed_mhz * (1 + 1e-9):
        return
    worst = next(iter(result.paths), None)
    path = f"; the worst path, {worst.ns:.2f} ns, leads from {worst.start} to {worst.end}" if worst else ""
    slower = request.board.clock_at_most(result.closed_mhz)
    raise BuildError(
        f"the clock of {request.clock.mhz:g} MHz is not met: {result.closed_mhz:.2f} MHz is{path}; "
        f"--freq {slower.mhz:g} would do"
    )
