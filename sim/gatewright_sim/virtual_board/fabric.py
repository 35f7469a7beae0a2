"""The programmed fabric: the accelerator's RTL, whose clock runs whether or not anybody looks.

A thread of its own owns the simulator. Register accesses wait for their turn in a queue; between them the clock runs
while there is something to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from gatewright.driver.errors import BusProtocolError
from gatewright.spec.registers import register
from gatewright_sim.rtl.backend import RefusedAccess, RtlBackend
from gatewright_sim.virtual_board.errors import BusError, Unanswered
from gatewright_sim.virtual_board.interrupt import InterruptLine

__all__ = ["Fabric"]

CHUNK_CYCLES = 4_000
"""Cycles that an access may have to wait for."""

SETTLE_CYCLES = 2
"""From a register to the interrupt line."""

ACCESS_TIMEOUT_S = 60
_STATUS = register("STATUS")
_T = TypeVar("_T")


class Fabric:
    """One design in the fabric.

    Parameters
    ----------
    rtl : the simulator of a :class:`~gatewright_sim.virtual_board.fabric_top.FabricTop`; it is closed with this.
    registers_base : physical address of the accelerator's registers.
    line : the interrupt line that it drives.
    broken : called with a sentence when the design breaks a rule of its bus.

    Attributes
    ----------
    used : whether a register of it was read or written yet.
    """

    def __init__(
        self, rtl: RtlBackend, registers_base: int, line: InterruptLine, broken: Callable[[str], None]
    ) -> None:
        self._rtl = rtl
        self._status_address = registers_base + _STATUS.offset
        self._line = line
        self._broken = broken
        self.used = False
        self._in_reset = False
        self._touched = False
        self._closed = False
        self._gate = threading.Lock()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="fabric", daemon=True)
        self._thread.start()

    # ---- what the processing system does with it

    def read(self, address: int) -> int:
        """The word at a physical address of the ports to the fabric. Raises :class:`Unanswered`, :class:`BusError`."""

        def job() -> int:
            self._check_reset()
            self.used = True
            return self._rtl.read(address)

        return self._do(job)

    def write(self, address: int, value: int) -> None:
        """Set the word at a physical address of the ports to the fabric. Raises as :meth:`read`."""

        def job() -> None:
            self._check_reset()
            self.used = self._touched = True
            self._rtl.write(address, value)
            self._line.drive(self._rtl.run(SETTLE_CYCLES))

        self._do(job)

    def _check_reset(self) -> None:
        if self._in_reset:
            raise Unanswered("the fabric is held in reset")

    def reset(self, held: bool) -> None:
        """Pull the design's reset, or let it go."""

        def job() -> None:
            self._in_reset = held
            self._touched = True
            self._rtl.reset()
            self._line.drive(False)

        self._do(job)

    def lose_odd_words(self, lose: bool) -> None:
        """What a memory port of the wrong width does."""
        self._do(lambda: self._rtl.lose_odd_words(lose))

    @property
    def busy(self) -> bool:
        """Whether a program runs, or a reset waits for the bus: transactions may be in flight."""
        return self._do(self._busy)

    @property
    def cycles(self) -> int:
        """Of its clock, since it was programmed."""
        return self._do(lambda: self._rtl.cycles)

    def close(self) -> None:
        """End it."""
        with self._gate:
            self._closed = True
            self._jobs.put(None)
        self._thread.join(ACCESS_TIMEOUT_S)

    # ---- its thread

    def _do(self, work: Callable[[], _T]) -> _T:
        done: Future[_T] = Future()

        def job() -> None:
            try:
                done.set_result(work())
            except RefusedAccess as error:
                done.set_exception((Unanswered if error.response is None else BusError)(str(error)))
            except BusProtocolError as error:
                self._broken(str(error))
                done.set_exception(Unanswered(str(error)))
            except Exception as error:
                done.set_exception(error)

        with self._gate:
            if self._closed:
                raise Unanswered("the fabric is being programmed")
            self._jobs.put(job)
        return done.result(ACCESS_TIMEOUT_S)

    def _run(self) -> None:
        running = False
        while True:
            try:
                job = self._jobs.get(block=not running)
            except Empty:
                running = self._advance(CHUNK_CYCLES)
                continue
            if job is None:
                break
            job()
            if self._touched:  # a read starts nothing
                self._touched = False
                running = self._advance(0)
        self._rtl.close()

    def _advance(self, cycles: int) -> bool:
        """Run so long; whether there is more to do. Looking at STATUS takes cycles, too."""
        try:
            self._rtl.run(cycles)
            busy = self._busy()
            self._line.drive(self._rtl.run(SETTLE_CYCLES))  # what ended while STATUS was read counts, too
            return busy
        except BusProtocolError as error:
            self._broken(str(error))
            return False

    def _busy(self) -> bool:
        if self._in_reset:
            return False
        return bool(_STATUS.extract(self._rtl.read(self._status_address), "busy"))
