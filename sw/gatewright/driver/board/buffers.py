"""Contiguous memory of a board, each piece a buffer of its own, since a sync always concerns a whole one.

pynq 3.1 and later sync whole buffers whatever slice they are asked for, and PYNQ.remote writes a slice's bytes to the
buffer's start (pynq 3.1.2, xrt_device.py and remote_device.py); so nothing here ever takes a slice of a pynq buffer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DEVICE_ALIGNMENT
from gatewright.driver.board.pynq_versions import BoardPort
from gatewright.driver.errors import DriverError, OutOfDeviceMemory

__all__ = ["LEFT_BY_THE_KILLED", "BoardMemory", "Buffers", "allocate"]

_KEPT: list[Any] = []
"""Buffers that an accelerator may still write to, which came to no rest; they go with the process."""

LEAST_BYTES = 8192
"""zocl, which allocates below pynq, may place smaller pieces beyond 4 GiB (XRT, zocl_bo.c)."""
LEFT_BY_THE_KILLED = (
    "PYNQ.remote's server keeps the memory of clients that were killed: `systemctl restart pynq-remote` there frees it"
)
"""A remedy; the service's name is that of PYNQ's recipe pynq-cpp."""
LOWEST_ADDRESS = 1 << 20
"""The ports of Zynq-7000 reach DRAM from here on (UG585, address map)."""


class Buffers:
    """The pieces that one user of an accelerator has.

    Parameters
    ----------
    at_rest : whether the accelerator is known to write there no more; until then nothing is given back.
    """

    def __init__(self, at_rest: Callable[[], bool]) -> None:
        self.at_rest = at_rest
        self.live: set[BoardMemory] = set()


class BoardMemory:
    """A pynq buffer as device memory.

    The buffer is given back when nobody looks at it any more: on a board that unmaps it, and a numpy view of it that
    lived longer would end the process.
    """

    def __init__(self, port: BoardPort, buffer: Any, nbytes: int, owner: Buffers) -> None:
        self._port = port
        self._buffer = buffer
        self._nbytes = nbytes
        self._owner = owner
        with port.asking("asking for memory's address"):
            self.address = int(buffer.device_address)  # PYNQ.remote asks the board each time
        owner.live.add(self)

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        return np.asarray(self._held)[: self._nbytes]

    def flush(self) -> None:
        with self._port.asking("flushing memory"):
            self._held.flush()

    def invalidate(self) -> None:
        with self._port.asking("reading memory back"):
            self._held.invalidate()

    def free(self) -> None:
        """Give it back, unless the accelerator may still write there."""
        if self._buffer is not None and not self._owner.at_rest():
            self.keep()
        self._drop()

    def keep(self) -> None:
        """Never give it back in this process."""
        if self._port.remote:
            self._buffer.freed = True  # nor ask a server that does not answer
        _KEPT.append(self._buffer)
        self._drop()

    def _drop(self) -> None:
        self._buffer = None
        self._owner.live.discard(self)

    @property
    def _held(self) -> Any:
        if self._buffer is None:
            raise DriverError("this device memory has been freed")
        return self._buffer


def allocate(port: BoardPort, nbytes: int, cacheable: bool, owner: Buffers) -> BoardMemory:
    """A piece that a 32-bit master reaches. Raises :class:`OutOfDeviceMemory`, which says what Linux has left."""
    if nbytes < 1:
        raise DriverError(f"allocation of {nbytes} bytes, allowed: at least 1")
    size = max(-(-nbytes // DEVICE_ALIGNMENT) * DEVICE_ALIGNMENT, LEAST_BYTES)
    try:
        buffer = port.allocate(size, cacheable)
    except OutOfDeviceMemory as error:
        raise OutOfDeviceMemory(f"{error}{_left(port)}") from None
    memory = BoardMemory(port, buffer, nbytes, owner)
    if memory.address % DEVICE_ALIGNMENT or not LOWEST_ADDRESS <= memory.address <= (1 << 32) - size:
        memory.free()
        raise OutOfDeviceMemory(
            f"pynq allocated memory at {memory.address:#x}, allowed: multiples of {DEVICE_ALIGNMENT} "
            f"from {LOWEST_ADDRESS:#x} to 2**32"
        )
    return memory


def _left(port: BoardPort) -> str:
    rows = dict(line.split(":", 1) for line in port.read_text("/proc/meminfo").splitlines() if ":" in line)
    said = ""
    if "CmaFree" in rows:
        said = f"; of {rows.get('CmaTotal', '?').strip()} reserved (CMA) {rows['CmaFree'].strip()} are free"
    return f"{said}; {LEFT_BY_THE_KILLED}" if port.remote else said
