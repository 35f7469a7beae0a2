"""Linux' FPGA manager (drivers/fpga) with the fabric behind it: sysfs files, states, and what a download does."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from gatewright_sim.virtual_board.errors import Refused
from gatewright_sim.virtual_board.files import Files
from gatewright_sim.virtual_board.log import EventLog, Level

__all__ = ["FIRMWARE", "OPERATING", "UNKNOWN", "FpgaManager"]

FIRMWARE = "/lib/firmware"
_SYSFS = "/sys/class/fpga_manager/fpga0"
PARTIAL = 1
OPERATING, UNKNOWN = "operating", "unknown"


class FpgaManager:
    """Programs the fabric when a name is written to its ``firmware`` file.

    Parameters
    ----------
    files : of the board; firmware lies there, and the manager's own files appear there.
    name, state : what these say at first.
    program : takes a firmware's bytes; raises :class:`Refused`.
    clear : empties the fabric, which a download begins with.
    """

    def __init__(
        self,
        files: Files,
        log: EventLog,
        name: str,
        state: str,
        program: Callable[[bytes], None],
        clear: Callable[[], None],
    ) -> None:
        self._files = files
        self._log = log
        self._program = program
        self._clear = clear
        self.state = state
        self.flags = 0
        files.constant(f"{_SYSFS}/name", f"{name}\n")
        files.special(f"{_SYSFS}/state", read=lambda: f"{self.state}\n".encode())
        files.special(f"{_SYSFS}/flags", read=lambda: f"{self.flags:x}\n".encode(), write=self._set_flags)
        files.special(f"{_SYSFS}/firmware", write=self._load)

    def _set_flags(self, text: bytes) -> None:
        try:
            self.flags = int(text.strip() or b"0", 16)
        except ValueError:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), f"{_SYSFS}/flags") from None

    def _load(self, text: bytes) -> None:
        """Raises :class:`OSError` where the download fails, as Linux does; the state says how far it came."""
        name = text.decode(errors="replace").strip()
        try:
            firmware = self._files.read(f"{FIRMWARE}/{name}")
        except OSError:
            self._fail("firmware request error", errno.ENOENT, f"no {FIRMWARE}/{name}")
        self._clear()
        if self.flags & PARTIAL:
            self._fail("write error", errno.EINVAL, f"{name}: partial bitstreams are not for this board")
        try:
            self._program(firmware)
        except Refused as error:
            self._fail("write error", errno.EINVAL, f"{name} is refused: {error}")
        self.state = OPERATING

    def _fail(self, state: str, code: int, why: str) -> None:
        self.state = state
        self._log.add(Level.WARNING, f"FPGA manager: {why}")
        raise OSError(code, os.strerror(code), f"{_SYSFS}/firmware")
