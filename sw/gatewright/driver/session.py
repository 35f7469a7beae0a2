"""What a request needs of an accelerator, be it here or behind a network: programs are loaded, called, and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from gatewright.driver.programs.loaded_program import CallReport
from gatewright.driver.report import Report
from gatewright.program.compiled import CompiledProgram
from gatewright.spec.config import AcceleratorConfig

__all__ = ["CallableProgram", "Session"]

Arrays = dict[str, npt.NDArray[Any]]


class CallableProgram(Protocol):
    """A loaded program; :class:`~gatewright.driver.LoadedProgram` says more."""

    program: CompiledProgram

    def __call__(self, /, **inputs: npt.ArrayLike) -> Arrays: ...

    def call_with_report(self, /, **inputs: npt.ArrayLike) -> tuple[Arrays, CallReport]: ...

    async def call_async(self, /, **inputs: npt.ArrayLike) -> Arrays: ...

    @property
    def report(self) -> CallReport: ...

    def close(self) -> None: ...

    def __enter__(self) -> Any: ...

    def __exit__(self, *exception: object) -> None: ...


class Session(Protocol):
    """An accelerator as far as programs are concerned; :class:`~gatewright.driver.Accelerator` is one.

    Attributes
    ----------
    config : the accelerator's.
    """

    config: AcceleratorConfig

    @property
    def choice(self) -> str:
        """Where programs run, and why there."""

    @property
    def name(self) -> str:
        """Of the backend."""

    @property
    def clock_mhz(self) -> float | None:
        """The clock that the accelerator has now; None where there is no clock but a simulation's."""

    def load(self, program: CompiledProgram | str | Path) -> CallableProgram: ...

    def report(self) -> Report: ...

    def reset_report(self) -> None: ...

    def close(self) -> None: ...

    def __enter__(self) -> Any: ...

    def __exit__(self, *exception: object) -> None: ...
