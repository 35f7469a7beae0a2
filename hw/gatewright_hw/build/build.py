"""One build, from request to folder, by any tool."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from gatewright.artefact import Built
from gatewright.files import reason
from gatewright_hw.build.artefacts import check_out, write_built
from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.flow import LOG, Flow, Request, Result
from gatewright_hw.build.openxc7.flow import OpenXc7Flow
from gatewright_hw.build.prepared import check_request, check_work, forget_products, note_request
from gatewright_hw.build.simulation import SimulationFlow
from gatewright_hw.build.vivado.flow import VivadoFlow

__all__ = ["FLOWS", "build", "collect", "prepare"]

FLOWS: dict[str, Flow] = {"openxc7": OpenXc7Flow(), "vivado": VivadoFlow(), "simulation": SimulationFlow()}
"""The tools by name."""


def build(tool: str, request: Request, out: Path, work: Path | None = None) -> Built:
    """Build ``request`` with ``tool`` into the folder ``out``, which appears whole or not at all.

    The tool works in ``work``, which is kept, by default in a folder that stays only where the tool fails.
    Raises :class:`BuildError`: the tool is missing, fails, takes too long, or does not meet the clock; ``out`` or
    ``work`` hold other things.
    """
    check_out(out)
    flow = FLOWS[tool]
    flow.find(request)
    with _work_folder(request) if work is None else nullcontext(work) as folder:
        prepare(tool, request, folder)
        flow.run(request, folder)
        return collect(tool, request, folder, out)


def prepare(tool: str, request: Request, work: Path) -> None:
    """Write what the tool needs into the folder ``work``, for whoever runs it elsewhere. Raises :class:`BuildError`."""
    check_work(work)
    try:
        work.mkdir(parents=True, exist_ok=True)
        forget_products(work)
        FLOWS[tool].prepare(request, work)
        note_request(tool, request, work)
    except OSError as error:
        raise BuildError(f"--work {work}: {reason(error)}") from None


def collect(tool: str, request: Request, work: Path, out: Path) -> Built:
    """Make the folder ``out`` from what the tool left in ``work``, which was prepared for just this request.

    Raises :class:`BuildError` as :func:`build` does.
    """
    check_out(out)
    check_request(tool, request, work)
    result = FLOWS[tool].collect(request, work)
    check_clock(request, result)
    for remark in result.remarks:
        request.say(remark)
    return write_built(tool, request, result, out)


@contextmanager
def _work_folder(request: Request) -> Iterator[Path]:
    """A folder that stays, and is told of, where the body fails and has left a log in it."""
    work = Path(tempfile.mkdtemp(prefix="gatewright-build-"))
    try:
        yield work
    except BaseException:
        if (work / LOG).exists():
            request.say(f"the tool's files stay in {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)


def check_clock(request: Request, result: Result) -> None:
    """Raise :class:`BuildError`, with the worst path, where the clock asked for is not met."""
    if request.clock.mhz <= result.closed_mhz * (1 + 1e-9):
        return
    worst = next(iter(result.paths), None)
    path = ""
    if worst is not None:
        where = f", in {worst.module}" if worst.module else ""
        path = f"; the worst path, {worst.ns:.2f} ns, leads from {worst.start} to {worst.end}{where}"
    slower = request.board.clock_at_most(result.closed_mhz)
    raise BuildError(
        f"the clock of {request.clock.mhz:g} MHz is not met: {result.closed_mhz:.2f} MHz is{path}; "
        f"--freq {slower.mhz:g} would do"
    )
