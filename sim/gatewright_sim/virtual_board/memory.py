"""Contiguous memory as a Cortex-A sees it: what lies in DRAM, and what the CPU's caches think lies there.

Each is a file in memory of its own (``memfd_create``), so that another process can map both: a cacheable buffer at its
offset in the cache's image, another one in the DRAM's. Real caches write back and refill whenever they like; here
nothing moves without a sync, which is the worst that can happen to a driver that forgets one.
"""

from __future__ import annotations

import mmap
import os
import threading
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gatewright.spec.boards import Board
from gatewright.spec.clocks import Family
from gatewright_sim.memory import SimulatedMemory

__all__ = ["GRANULE", "BoardMemory", "Buffer", "Image"]

GRANULE = 8192
"""zocl, the driver behind every buffer, rounds up to this many bytes."""

KERNEL_BYTES = 8 << 20
"""Of the reserved memory, what Linux itself has taken."""

LOW_DRAM = 2 << 30
"""A Zynq UltraScale+ has so much DRAM below 4 GiB; the rest starts at HIGH_DRAM."""

HIGH_DRAM = 0x8_7000_0000
SMALL = 4096
HIGH_BYTES = 1 << 20


class Image:
    """Bytes that several processes can map.

    Attributes
    ----------
    path : to open in another process, as long as this one lives.
    array : uint8 [nbytes].
    """

    def __init__(self, name: str, nbytes: int) -> None:
        self._file = os.memfd_create(f"gatewright-{name}")
        os.ftruncate(self._file, nbytes)
        self.path = f"/proc/{os.getpid()}/fd/{self._file}"
        self._map = mmap.mmap(self._file, nbytes)
        self.array: npt.NDArray[np.uint8] = np.frombuffer(self._map, np.uint8)

    def close(self) -> None:
        """Give the file back; views of the array stay valid until they are gone."""
        os.close(self._file)


@dataclass(eq=False)
class Buffer:
    """A piece of contiguous memory.

    Attributes
    ----------
    address : physical.
    nbytes : as asked for; GRANULE decides what it takes.
    cacheable : whether the CPU's view goes through its caches.
    offset : in both images.
    """

    memory: BoardMemory = field(repr=False)
    address: int
    nbytes: int
    cacheable: bool
    offset: int

    @property
    def cpu(self) -> npt.NDArray[np.uint8]:
        """What the CPU reads and writes: uint8 [nbytes]."""
        return self._view(self.memory.cache if self.cacheable else self.memory.dram)

    @property
    def dram(self) -> npt.NDArray[np.uint8]:
        """What the fabric reads and writes: uint8 [nbytes]."""
        return self._view(self.memory.dram)

    def _view(self, image: Image) -> npt.NDArray[np.uint8]:
        return image.array[self.offset : self.offset + self.nbytes]

    def sync_for_device(self, start: int = 0, stop: int | None = None) -> None:
        """Write the CPU's caches back (flush)."""
        if self.cacheable and not self.memory.broken_flush:
            self.dram[start:stop] = self.cpu[start:stop]

    def sync_for_cpu(self, start: int = 0, stop: int | None = None) -> None:
        """Drop what the CPU's caches hold (invalidate)."""
        if self.cacheable and not self.memory.broken_flush:
            self.cpu[start:stop] = self.dram[start:stop]

    def free(self) -> None:
        """Give it back; a second call does nothing."""
        self.memory.release(self)


class BoardMemory:
    """A board's memory for contiguous buffers.

    Parameters
    ----------
    board : whose; its ``cma_bytes`` are at the upper end of the DRAM that a 32-bit address reaches.
    cma_bytes : instead of the board's.
    broken_flush : syncs do nothing, as with some versions of zocl.
    """

    def __init__(self, board: Board, cma_bytes: int | None = None, *, broken_flush: bool = False) -> None:
        self.broken_flush = broken_flush
        self.total = board.cma_bytes if cma_bytes is None else cma_bytes
        usable = self.total - KERNEL_BYTES
        self.base = min(board.dram_bytes, LOW_DRAM) - self.total
        high = HIGH_BYTES if board.family is Family.ZYNQMP else 0
        self.dram, self.cache = (Image(f"{board.name}-{name}", usable + high) for name in ("dram", "cache"))
        self.fabric = SimulatedMemory(self.base, usable, self.dram.array[:usable])
        self._high = SimulatedMemory(0, high, self.dram.array[usable:]) if high else None
        self._live: set[Buffer] = set()
        self._lock = threading.Lock()

    @property
    def buffers(self) -> frozenset[Buffer]:
        """Those that live."""
        with self._lock:
            return frozenset(self._live)

    @property
    def free_bytes(self) -> int:
        """Of the reserved memory; a single buffer may find less in one piece."""
        taken = sum(-(-buffer.nbytes // GRANULE) * GRANULE for buffer in self.buffers)
        return self.fabric.nbytes - taken

    def allocate(self, nbytes: int, *, cacheable: bool) -> Buffer:
        """Zeroed memory. Raises :class:`~gatewright.driver.errors.OutOfDeviceMemory`."""
        size = -(-nbytes // GRANULE) * GRANULE
        with self._lock:
            if self._high is not None and nbytes <= SMALL:
                place = self._high.allocate(size).address
                offset, address = self.fabric.nbytes + place, HIGH_DRAM + place
            else:
                address = self.fabric.allocate(size).address
                offset = address - self.base
            for image in (self.dram, self.cache):
                image.array[offset : offset + size] = 0
            buffer = Buffer(self, address, nbytes, cacheable, offset)
            self._live.add(buffer)
            return buffer

    def release(self, buffer: Buffer) -> None:
        """Take a buffer back; one that is not live is ignored."""
        with self._lock:
            if buffer not in self._live:
                return
            self._live.remove(buffer)
            if buffer.address >= HIGH_DRAM and self._high is not None:
                self._high.release(buffer.address - HIGH_DRAM)
            else:
                self.fabric.release(buffer.address)

    # ---- as a slave of the address space: what the CPU reads past its caches

    def read(self, offset: int) -> int:
        return int(self.dram.array[offset : offset + 4].view(np.uint32)[0])

    def write(self, offset: int, value: int) -> None:
        self.dram.array[offset : offset + 4].view(np.uint32)[0] = value

    def close(self) -> None:
        """Give the images back."""
        self.dram.close()
        self.cache.close()
