"""Device memory of a simulated accelerator: bytes at a base address, a heap over them, and accesses that can fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.backend import DEVICE_ALIGNMENT
from gatewright.driver.errors import DriverError, OutOfDeviceMemory
from gatewright.spec.memory import BUS_BYTES

__all__ = ["MEMORY_BASE", "MEMORY_BYTES", "BusFault", "Faults", "SimulatedMemory"]

MEMORY_BASE = 0x1000_0000
MEMORY_BYTES = 256 << 20
ADDRESS_SPACE = 1 << 32


@dataclass
class Faults:
    """Misbehaviour to provoke, for tests.

    Attributes
    ----------
    slverr : first and one past the last byte address of a window of the memory that answers SLVERR (multiples of 8).
    hang : the memory answers nothing any more, until the backend is reset.
    """

    slverr: tuple[int, int] = (0, 0)
    hang: bool = False


class BusFault(Exception):
    """An access that the memory answered with an error: SLVERR, DECERR, or both in different beats."""

    def __init__(self, slverr: bool, decerr: bool) -> None:
        super().__init__(f"slverr={slverr}, decerr={decerr}")
        self.slverr = slverr
        self.decerr = decerr


class _Allocation:
    """A piece of a :class:`SimulatedMemory`; host and accelerator see the same bytes."""

    def __init__(self, memory: SimulatedMemory, address: int, nbytes: int) -> None:
        self._memory = memory
        self._nbytes = nbytes
        self._live = True
        self.address = address

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        start = self.address - self._memory.base
        return self._memory.array[start : start + self._nbytes]

    def flush(self) -> None:
        pass

    def invalidate(self) -> None:
        pass

    def free(self) -> None:
        if self._live:  # the address may be another allocation's by now
            self._live = False
            self._memory.release(self.address)


class SimulatedMemory:
    """``nbytes`` at ``base``, both multiples of 64; pages take host memory only once they are touched.

    Parameters
    ----------
    storage : uint8 [nbytes], where the bytes are kept; default: memory of its own.

    Attributes
    ----------
    array : uint8 [nbytes].
    """

    def __init__(
        self, base: int = MEMORY_BASE, nbytes: int = MEMORY_BYTES, storage: npt.NDArray[np.uint8] | None = None
    ) -> None:
        for name, value, low in (("base", base, 0), ("nbytes", nbytes, DEVICE_ALIGNMENT)):
            if not low <= value <= ADDRESS_SPACE or value % DEVICE_ALIGNMENT:
                raise DriverError(f"memory {name} is {value}, allowed: multiples of {DEVICE_ALIGNMENT} in {low}..2**32")
        if base + nbytes > ADDRESS_SPACE:
            raise DriverError(f"memory ends at {base + nbytes:#x}, allowed: at most {ADDRESS_SPACE:#x}")
        self.base = base
        self.nbytes = nbytes
        self.array = np.zeros(nbytes, np.uint8) if storage is None else storage
        self.faults = Faults()
        self._free: list[tuple[int, int]] = [(base, nbytes)]  # address, size; by address, never adjacent
        self._used: dict[int, int] = {}

    # ---- heap

    def allocate(self, nbytes: int) -> _Allocation:
        """First fit. Raises :class:`OutOfDeviceMemory` and, for a size below 1, :class:`DriverError`."""
        if nbytes < 1:
            raise DriverError(f"allocation of {nbytes} bytes, allowed: at least 1")
        size = -(-nbytes // DEVICE_ALIGNMENT) * DEVICE_ALIGNMENT
        for index, (address, room) in enumerate(self._free):
            if room >= size:
                self._free[index : index + 1] = [(address + size, room - size)] if room > size else []
                self._used[address] = size
                return _Allocation(self, address, nbytes)
        largest = max((room for _, room in self._free), default=0)
        raise OutOfDeviceMemory(
            f"{nbytes:,} bytes of device memory are not to be had: {sum(self._used.values()):,} of {self.nbytes:,} are "
            f"in use, the largest free piece has {largest:,}"
        )

    def release(self, address: int) -> None:
        """Return the allocation at ``address``; an address that is not allocated is ignored."""
        size = self._used.pop(address, 0)
        if not size:
            return
        merged: list[tuple[int, int]] = []
        for start, room in sorted([*self._free, (address, size)]):
            if merged and sum(merged[-1]) == start:
                merged[-1] = (merged[-1][0], merged[-1][1] + room)
            else:
                merged.append((start, room))
        self._free = merged

    # ---- the accelerator's accesses; addresses wrap at 2**32

    def readable(self, address: int, nbytes: int) -> int:
        """How many of ``nbytes`` at ``address``, a multiple of 8, lie before the first beat that answers with an
        error."""
        low, high = self._window
        if not self.base <= address < self.base + self.nbytes or low <= address < high:
            return 0
        window = low - address if address < low < high else nbytes
        return min(nbytes, self.base + self.nbytes - address, window)

    def read_rows(self, address: int, rows: int, nbytes: int, stride: int) -> npt.NDArray[np.uint8]:
        """``rows`` times ``nbytes``, each row ``stride`` after the last (modulo 2**32): uint8 [rows, nbytes].

        The bus moves whole beats of 8 bytes. Raises :class:`BusFault`.
        """
        starts = self._starts(address, rows, nbytes, stride)
        if starts is None:
            view = self._view(address, rows, nbytes, stride)
            view.flags.writeable = False
            return view
        return self.array[starts[:, None] + np.arange(nbytes)]

    def read_gather(
        self, address: int, index: npt.NDArray[np.integer[Any]], nbytes: int, stride: int
    ) -> npt.NDArray[np.uint8]:
        """Row ``index[i]`` of a matrix, for each i: uint8 [len(index), nbytes]. Raises :class:`BusFault`."""
        last = int(index.max(initial=0))
        if self._is_plain(address, last + 1, nbytes, stride):
            return self._view(address, last + 1, nbytes, stride)[index]
        starts = (address + index.astype(np.int64) * stride) % ADDRESS_SPACE
        self._check(starts, nbytes)
        return self.array[(starts - self.base)[:, None] + np.arange(nbytes)]

    def write_rows(self, address: int, values: npt.NDArray[np.uint8], stride: int) -> None:
        """Write uint8 [rows, nbytes]; where rows overlap, the later one stays. Raises :class:`BusFault`."""
        rows, nbytes = values.shape
        starts = self._starts(address, rows, nbytes, stride)
        if starts is None and stride >= nbytes:
            self._view(address, rows, nbytes, stride)[...] = values
            return
        if starts is None:
            starts = address - self.base + np.arange(rows, dtype=np.int64) * stride
        for start, row in zip(starts, values, strict=True):
            self.array[start : start + nbytes] = row

    def _view(self, address: int, rows: int, nbytes: int, stride: int) -> npt.NDArray[np.uint8]:
        """Rows that lie in the memory without a wrap."""
        return np.ndarray((rows, nbytes), np.uint8, self.array.data, address - self.base, (stride, 1))

    def _starts(self, address: int, rows: int, nbytes: int, stride: int) -> npt.NDArray[np.int64] | None:
        """Offsets of the rows in ``array``; None when all of them lie in the memory without a wrap, free of faults."""
        if self._is_plain(address, rows, nbytes, stride):
            return None
        starts = (address + np.arange(rows, dtype=np.int64) * stride) % ADDRESS_SPACE
        self._check(starts, nbytes)
        return starts - self.base

    def _is_plain(self, address: int, rows: int, nbytes: int, stride: int) -> bool:
        """All rows lie in the memory without a wrap, and free of faults."""
        low, high = self.faults.slverr
        end = address + (rows - 1) * stride + -(-nbytes // BUS_BYTES) * BUS_BYTES
        return address >= self.base and end <= self.base + self.nbytes and (end <= low or address >= high)

    @property
    def _window(self) -> tuple[int, int]:
        """The part of the memory that answers SLVERR; outside of the memory it is DECERR."""
        low, high = self.faults.slverr
        return max(low, self.base), min(high, self.base + self.nbytes)

    def _check(self, starts: npt.NDArray[np.int64], nbytes: int) -> None:
        ends = starts + -(-nbytes // BUS_BYTES) * BUS_BYTES
        low, high = self._window
        over = ends - ADDRESS_SPACE  # where a row that reaches the top of the address space ends
        slverr = low < high and bool(np.any((starts < high) & (ends > low) | (over > low)))
        decerr = bool(np.any((starts < self.base) | (ends > self.base + self.nbytes)))
        if slverr or decerr:
            raise BusFault(slverr, decerr)
