"""The accelerator's interrupt through Linux' UIO: a device that blocks until the line was high.

The images of PYNQ and Kria-PYNQ have such a device, named ``fabric``, at the first interrupt of the fabric. It needs
neither pynq nor an event loop. Linux masks the line when it fires; a written 1 unmasks it
(drivers/uio/uio_pdrv_genirq.c).
"""

from __future__ import annotations

import os
import select
import struct
from contextlib import suppress
from pathlib import Path

__all__ = ["UioInterrupt", "find_uio"]

NAME = "fabric"
_CLASS = Path("/sys/class/uio")
_DEVICES = Path("/dev")
_WORD = struct.Struct("=i")


def find_uio() -> Path | None:
    """The device file of the interrupt; None where the system has none."""
    with suppress(OSError):
        for entry in sorted(_CLASS.iterdir()):
            if (entry / "name").read_text().strip() == NAME:
                return _DEVICES / entry.name
    return None


class UioInterrupt:
    """An open UIO device. Raises :class:`OSError` where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def arm(self) -> None:
        """Let the line fire again. What is done already is to be looked at after this, not before."""
        os.write(self._file, _WORD.pack(1))

    def wait(self, timeout_s: float) -> bool:
        """Whether it fired within ``timeout_s`` seconds."""
        waiting = select.poll()  # unlike select(), it takes any number of open files
        waiting.register(self._file, select.POLLIN)
        ready = waiting.poll(1e3 * timeout_s)
        if ready:
            os.read(self._file, _WORD.size)
        return bool(ready)

    def close(self) -> None:
        """A second call does nothing."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)
