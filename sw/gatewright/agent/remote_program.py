"""A program behind an agent: it goes over once, and again where the agent holds it no more."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Protocol

import numpy.typing as npt

from gatewright.agent.connection import Connection, sha256
from gatewright.agent.errors import ProgramNotLoaded
from gatewright.agent.fields import call_report, summed
from gatewright.agent.wire import Array, Message
from gatewright.driver.errors import DriverError
from gatewright.driver.programs.loaded_program import CallReport
from gatewright.driver.report import Report
from gatewright.program import CompiledProgram
from gatewright.program.file import program_parts
from gatewright.program.inputs import Inputs
from gatewright.spec.errors import GatewrightError

__all__ = ["RemoteProgram"]

UPLOAD_S = 300.0
"""For a program to go over: tens of MB by 100 Mbit/s are seconds."""


class Caller(Protocol):
    """A client's session with an agent."""

    connection: Connection

    def ask(self, method: str, digest: str, arrays: dict[str, Array] | None = None, **fields: str) -> Message: ...

    def count(self, report: Report) -> None: ...


class RemoteProgram(AbstractContextManager["RemoteProgram"]):
    """A program on an agent's accelerator, made by :meth:`gatewright.agent.remote.RemoteAccelerator.load`.

    Attributes
    ----------
    program : as given.
    """

    def __init__(self, accelerator: Caller, program: CompiledProgram) -> None:
        self.program = program
        self._inputs = Inputs(program.variants[0].inputs)
        self._accelerator = accelerator
        self._digest = sha256(program_parts(program))
        self._last: CallReport | None = None
        self._closed = False
        self._place()

    def _place(self) -> None:
        """Send the program where the agent does not hold it."""
        try:
            self._accelerator.ask("load", self._digest)
        except ProgramNotLoaded:
            ticket = self._accelerator.connection.upload(program_parts(self.program), UPLOAD_S)
            self._accelerator.ask("load", self._digest, ticket=ticket)

    def __call__(self, /, **inputs: npt.ArrayLike) -> dict[str, Array]:
        """Run the program: its outputs by name. Raises as :meth:`gatewright.driver.LoadedProgram.__call__`, and what
        :class:`Connection` raises."""
        return self.call_with_report(**inputs)[0]

    async def call_async(self, /, **inputs: npt.ArrayLike) -> dict[str, Array]:
        """Await a call; it runs in a thread."""
        return await asyncio.to_thread(self, **inputs)

    def call_with_report(self, /, **inputs: npt.ArrayLike) -> tuple[dict[str, Array], CallReport]:
        """As a call, and its own report; the network counts as transfer."""
        if self._closed:
            raise DriverError(f"program {self.program.name!r} has been closed")
        start = time.perf_counter()
        values, _ = self._inputs.accept(inputs)
        try:
            answer = self._accelerator.ask("run", self._digest, values)
        except ProgramNotLoaded:  # the agent was started again, has another bitstream, or took us for gone
            self._place()
            answer = self._accelerator.ask("run", self._digest, values)
        self._accelerator.count(summed(answer.get("report", dict)))
        report = call_report(self.program, answer.get("call", dict))
        total = time.perf_counter() - start
        inside = report.seconds
        seconds = replace(inside, total=total, transfer=inside.transfer + max(total - inside.total, 0.0))
        self._last = report = replace(report, seconds=seconds)
        return answer.arrays, report

    @property
    def report(self) -> CallReport:
        """Of the last call that ended well. Raises :class:`DriverError` before the first."""
        if self._last is None:
            raise DriverError(f"program {self.program.name!r} has not been called")
        return self._last

    def close(self) -> None:
        """Tell the agent that this client needs the program no more; a second call does nothing."""
        if not self._closed:
            self._closed = True
            with suppress(GatewrightError):  # it frees what nobody asks for
                self._accelerator.ask("release", self._digest)

    def __exit__(self, *exception: object) -> None:
        self.close()
