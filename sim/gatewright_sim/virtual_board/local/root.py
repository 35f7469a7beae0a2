"""The folder in which a process on the board sees the board's files."""

from __future__ import annotations

import os
from pathlib import Path

from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.programming import FIRMWARE

__all__ = ["DEVICES", "SHOWN", "UIO", "Root"]

UIO, UIO_CLASS = "/dev/uio0", "/sys/class/uio"
DEVICES = {"/dev/mem": "memory", UIO: "interrupt"}
"""Devices, and what the library makes of them."""

SHOWN = (
    *DEVICES,
    FIRMWARE,
    "/proc/device-tree",
    "/proc/interrupts",
    "/proc/meminfo",
    "/proc/sys/kernel/random/boot_id",
    "/proc/uptime",
    "/proc/version",
    "/sys/class/fpga_manager",
    UIO_CLASS,
    "/run/gatewright.lease",
    "/sys/module/zocl",
)
"""What a process sees here rather than on the machine that it runs on; below a folder, all of it."""

PYNQ = "pynq"
"""Where the library keeps what PYNQ writes beside its own code: it belongs to a board."""


class Root:
    """A board's files as files, in a new folder; ``uio``: with the interrupt's node.

    Those of the kernel and in ``/run`` stand here as they were when last opened (``refresh``) and are written through
    (``write``). Firmware lies here, and reaches the board when it is loaded.
    """

    def __init__(self, board: VirtualBoard, folder: Path, uio: bool = True) -> None:
        self.folder = folder
        self._board = board
        for name in (FIRMWARE, UIO_CLASS, f"/{PYNQ}", "/dev", "/run"):
            self._at(name).mkdir(parents=True)
        hidden = () if uio else (UIO, UIO_CLASS)
        for device in DEVICES.keys() - hidden:
            self._at(device).touch()
        for path in set(SHOWN).difference(hidden):
            self._show(path)

    def _at(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def _show(self, path: str) -> None:
        """Make what the board has at and below ``path``."""
        files = self._board.files
        for name in files.names(path):
            self._show(f"{path}/{name}")
        if path not in DEVICES and files.exists(path) and not files.names(path) and path != FIRMWARE:
            self._at(path).parent.mkdir(parents=True, exist_ok=True)
            self._at(path).touch()
            self.refresh(path)

    def refresh(self, path: str) -> None:
        """Let the file say what it says now; one that cannot be read stays empty."""
        target = self._at(os.path.normpath(path))
        try:
            content = self._board.files.read(path)
        except OSError:
            return
        replacement = self.folder / f"new-{os.urandom(4).hex()}"
        replacement.write_bytes(content)
        replacement.rename(target)  # another process may be reading it

    def write(self, path: str, content: bytes) -> None:
        """What a process writes to a file of the kernel. Raises :class:`OSError` as the kernel answers it."""
        if path.endswith("/firmware"):
            name = content.decode(errors="replace").strip()
            stored = self._at(f"{FIRMWARE}/{name}")
            if name and stored.is_file():
                self._board.files.write(f"{FIRMWARE}/{name}", stored.read_bytes())
        self._board.files.write(path, content)
