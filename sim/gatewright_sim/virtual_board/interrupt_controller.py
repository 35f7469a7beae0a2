"""The interrupt controller in the fabric, between the accelerator and the processor's interrupt line.

It does what ``gatewright_hw.boards.interrupt_controller`` does, whose RTL is not part of a virtual board's fabric.
"""

from __future__ import annotations

import threading

from gatewright.spec.interrupt_controller import interrupt_register
from gatewright_sim.virtual_board.interrupt import InterruptLine

__all__ = ["InterruptController"]

_OFFSET = {name: interrupt_register(name).offset for name in ("ISR", "IPR", "IER", "SIE", "CIE", "MER")}
_MER = interrupt_register("MER")


class InterruptController:
    """One level-sensitive input. Any thread may use it.

    Parameters
    ----------
    line : what it drives: its input as it is, until software writes one of IER, SIE, CIE and MER.
    """

    def __init__(self, line: InterruptLine) -> None:
        self._line = line
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """The fabric's reset: the accelerator's interrupt is low, and this is transparent."""
        with self._lock:
            self._input = False
            self._transparent = True
            self._enabled = self._master = self._looks = False
            self._update()

    def drive(self, high: bool) -> None:
        """The accelerator's interrupt."""
        with self._lock:
            self._input = high
            self._update()

    def read(self, offset: int) -> int:
        """A register; 0 where none lies."""
        with self._lock:
            values = {
                "ISR": self._input and self._looks,
                "IPR": self._input and self._looks and self._enabled,
                "IER": self._enabled,
                "MER": self._master | self._looks << 1,
            }
            return next((int(value) for name, value in values.items() if _OFFSET[name] == offset), 0)

    def write(self, offset: int, value: int) -> None:
        """Set a register; nothing happens where none lies."""
        bit = bool(value & 1)
        with self._lock:
            if offset == _OFFSET["IER"]:
                self._enabled = bit
            elif offset == _OFFSET["SIE"]:
                self._enabled |= bit
            elif offset == _OFFSET["CIE"]:
                self._enabled &= not bit
            elif offset == _OFFSET["MER"]:
                self._master, self._looks = (bool(_MER.extract(value, name)) for name in ("me", "hie"))
            else:
                return
            self._transparent = False
            self._update()

    def _update(self) -> None:
        pending = self._enabled and self._master and self._looks
        self._line.drive(self._input and (self._transparent or pending))
