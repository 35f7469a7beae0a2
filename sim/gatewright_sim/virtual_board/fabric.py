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
from gatewright.spec.registers import REGISTER_BYTES, register
from gatewright_sim.rtl.backend import RtlBackend
from gatewright_sim.virtual_board.errors import Unanswered
from gatewright_sim.virtual_board.interrupt import InterruptLine
from gatewright_sim.virtual_board.interrupt_controller import InterruptController

__all__ = ["Fabric"]

CHUNK_CYCLES = 4_000
"""Cycles that an access may have to wait for."""

SETTLE_CYCLES = 2
"""From a register to the interrupt line."""

ACCESS_TIMEOUT_S = 60
_T = TypeVar("_T")


class Fabric:
    """One design in the fabric.

    Parameters
    ----------
    rtl : the simulator; it is closed with this.
    line : the interrupt line that it drives, through its interrupt controller.
    controller_offset : where that has its registers in the window.
    broken : called with a sentence when the design breaks a rule of its bus.
    """

    def __init__(
        self, rtl: RtlBackend, line: InterruptLine, controller_offset: int, broken: Callable[[str], None]
    ) -> None:
        self._rtl = rtl
        self._controller = InterruptController(line)
        self._controller_offset = controller_offset
        self._broken = broken
        self._in_reset = False
        self._touched = False
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="fabric", daemon=True)
        self._thread.start()

    # ---- what the processing system does with it

    def read(self, offset: int) -> int:
        """A register of the window, 0 where none lies. Raises :class:`Unanswered`."""

        def job() -> int:
            self._check_reset()
            if offset < REGISTER_BYTES:
                return self._rtl.read(offset)
            return self._controller.read(offset - self._controller_offset)

        return self._do(job)

    def write(self, offset: int, value: int) -> None:
        """Set a register of the window. Raises :class:`Unanswered`."""

        def job() -> None:
            self._check_reset()
            self._touched = True
            if offset < REGISTER_BYTES:
                self._rtl.write(offset, value)
                self._controller.drive(self._rtl.run(SETTLE_CYCLES))
            else:
                self._controller.write(offset - self._controller_offset, value)

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
            self._controller.reset()

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
        self._jobs.put(None)
        self._thread.join(ACCESS_TIMEOUT_S)

    # ---- its thread

    def _do(self, work: Callable[[], _T]) -> _T:
        done: Future[_T] = Future()

        def job() -> None:
            try:
                done.set_result(work())
            except BusProtocolError as error:
                done.set_exception(Unanswered(str(error)))
            except Exception as error:
                done.set_exception(error)

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
            self._controller.drive(self._rtl.run(SETTLE_CYCLES))  # what ended while STATUS was read counts, too
            return busy
        except BusProtocolError as error:
            self._broken(str(error))
            return False

    def _busy(self) -> bool:
        if self._in_reset:
            return False
        status = register("STATUS")
        return bool(status.extract(self._rtl.read(status.offset), "busy"))
