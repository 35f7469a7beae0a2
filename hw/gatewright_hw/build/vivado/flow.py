"""The flow with Vivado. No one who wrote it had Vivado: ``bitstreams/README.md`` says what has been run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gatewright.artefact import read_bit
from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.flow import LOG, Request, Result
from gatewright_hw.build.steps import Steps
from gatewright_hw.build.vivado.reports import (
    RESULTS,
    TIMING,
    UTILISATION,
    read_modules,
    read_results,
    read_slacks,
)
from gatewright_hw.build.vivado.script import BIT, SCRIPT, inputs_of, period_ns, write_inputs

__all__ = ["SETTING", "VivadoFlow"]

SETTING = "GATEWRIGHT_VIVADO"
"""The environment variable that names the program, where it is not on PATH."""

_COMMAND = ("-mode", "batch", "-nojournal", "-log", "vivado.log", "-source", SCRIPT)


class VivadoFlow:
    """Every arc is timed: the clock that is closed is the period less the worst slack."""

    def find(self, request: Request) -> None:
        """Raise :class:`BuildError` where there is no Vivado."""
        _vivado()

    def prepare(self, request: Request, work: Path) -> None:
        """Write the script and what it reads."""
        write_inputs(request, work)

    def run(self, request: Request, work: Path) -> None:
        """Run the script. A missed clock, which it ends with, is left to whoever reads the results."""
        steps = Steps(work, work / LOG, request.timeout_s)
        try:
            steps.run("vivado", [_vivado(), *_COMMAND], [RESULTS])
        except BuildError:
            if not self._clock_is_missed(work):
                raise

    def _clock_is_missed(self, work: Path) -> bool:
        try:
            results = read_results(work / RESULTS)
        except BuildError:
            return False
        return not results.done and results.setup_ns < 0

    def collect(self, request: Request, work: Path) -> Result:
        """Read reports and bitstream."""
        results, slacks = read_results(work / RESULTS), read_slacks(work / TIMING)
        if results.inputs != inputs_of(work):
            raise BuildError(f"{work / RESULTS} is of other inputs than those in {work}: run Vivado's script again")
        for name, what in (("WHS", "hold times are"), ("WPWS", "pulse widths are")):
            if slacks[name] < 0:
                raise BuildError(f"{what} missed by {-slacks[name]:g} ns, which no other clock mends: {work / TIMING}")
        slack = min(results.setup_ns, slacks["WNS"])
        if slack >= 0 and not results.done:
            raise BuildError(f"{work / RESULTS} lacks 'done': Vivado's script has not come to its end")
        modules = read_modules(work / UTILISATION)
        return Result(
            words=read_bit(work / BIT).words if slack >= 0 else b"",
            closed_mhz=1e3 / (period_ns(request.clock.mhz) - slack),
            untimed=(f"{results.unconstrained} unconstrained end points",) if results.unconstrained else (),
            tools={"vivado": results.vivado},
            utilisation=modules.pop(""),
            modules=modules,
            paths=results.paths,
        )


def _vivado() -> str:
    wanted = os.environ.get(SETTING, "vivado")
    found = shutil.which(wanted)
    if found is None:
        raise BuildError(
            f"{SETTING} names {wanted}, which is no program"
            if SETTING in os.environ
            else f"no vivado on PATH: source the settings64.sh of an installation, or set {SETTING}; "
            f"`--prepare` writes its script for another machine"
        )
    return found
