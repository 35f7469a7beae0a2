"""The accelerator's registers in the fabric of a board, and waiting for it: by the interrupt, or by looking."""

from __future__ import annotations

import logging
import time

from gatewright.driver.board.interrupt import UioInterrupt, find_uio
from gatewright.driver.board.loaded import rest
from gatewright.driver.board.pynq_versions import BoardPort
from gatewright.driver.errors import BoardError
from gatewright.spec.boards import Board
from gatewright.spec.registers import REGISTER_BYTES, register

__all__ = ["Fabric"]

POLL_S = (50e-6, 2e-3)
"""Shortest and longest pause between two looks at STATUS where there is no interrupt."""
LOOK_S = 0.1
"""Longest sleep for an interrupt before a look at STATUS: a line that is not connected costs no more than that."""

_CONTROL, _STATUS = register("CONTROL"), register("STATUS")
_log = logging.getLogger(__name__)


class Fabric:
    """A design of ours that is loaded: without one, every access may stop the board for ever.

    Attributes
    ----------
    at_rest : whether it is known to write to no memory: since the last start it was seen to have ended without a
        fault, or to have been reset.
    notes : what is not as it should be, though it works.
    """

    def __init__(self, port: BoardPort, board: Board) -> None:
        self.at_rest = False
        self.notes: list[str] = []
        self._label = port.label
        self._window = port.window(board.registers_base, REGISTER_BYTES)
        self._interrupt = None if port.remote else self._uio()

    def _uio(self) -> UioInterrupt | None:
        path = find_uio()
        if path is None:
            self.notes.append("no UIO device named fabric: STATUS is polled")
            return None
        try:
            return UioInterrupt(path)
        except OSError as error:
            self.notes.append(f"{path} cannot be opened ({error.strerror}): STATUS is polled")
            return None

    @property
    def interrupts(self) -> bool:
        """Whether it waits for the interrupt."""
        return self._interrupt is not None

    def read(self, offset: int) -> int:
        """The register at byte ``offset``."""
        value = self._window.read(offset)
        if offset == _STATUS.offset:  # with an error it is not busy, though an engine may be
            self.at_rest = not (_STATUS.extract(value, "busy") or _STATUS.extract(value, "error"))
        return value

    def write(self, offset: int, value: int) -> None:
        """Set the register at byte ``offset``."""
        if offset == _CONTROL.offset and _CONTROL.extract(value, "start"):
            self.at_rest = False
        self._window.write(offset, value)

    def wait(self, timeout_s: float) -> bool:
        """Whether the program that runs has ended within ``timeout_s`` seconds."""
        deadline = time.monotonic() + timeout_s
        pause = POLL_S[0]
        while True:
            self._arm()  # before the look: what ends after it fires
            if _STATUS.extract(self.read(_STATUS.offset), "done"):
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if not self._waited(min(left, LOOK_S)):
                time.sleep(min(left, pause))
                pause = min(2 * pause, POLL_S[1])

    def _arm(self) -> None:
        if self._interrupt is not None:
            try:
                self._interrupt.arm()
            except OSError as error:
                self._poll_from_now_on(error)

    def _waited(self, timeout_s: float) -> bool:
        """Whether an interrupt was waited for; else there is none (any more)."""
        if self._interrupt is not None:
            try:
                self._interrupt.wait(timeout_s)
            except OSError as error:
                self._poll_from_now_on(error)
        return self._interrupt is not None

    def _poll_from_now_on(self, error: OSError) -> None:
        self.notes.append(f"the interrupt's UIO device failed ({error.strerror}): STATUS is polled")
        _log.warning("%s: %s", self._label, self.notes[-1])
        self.close()

    def reset(self) -> None:
        """Reset by register and wait for the bus. A download under live buffers could stop the memory for ever.

        Raises :class:`BoardError` where the bus does not come to rest.
        """
        self.at_rest = False
        self.at_rest = rest(self._window)
        if not self.at_rest:
            raise BoardError(
                f"{self._label}: the accelerator's bus does not come to rest; where that lasts, switch the board off "
                "and on again"
            )

    def close(self) -> None:
        """Give the interrupt back; a second call does nothing."""
        if self._interrupt is not None:
            self._interrupt.close()
            self._interrupt = None
