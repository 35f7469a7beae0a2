"""Golden vectors: one command each, the memory that it works on, and what the golden model makes of it.

They are data, ``data/<kernel>.npz``, made by ``python -m gatewright_sim.selftest``; a board that reads them needs
neither the golden model nor a compiler.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.files import read_npz
from gatewright.spec.commands import check, decode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.extents import Operand, operands
from gatewright.spec.registers import ENGINES

__all__ = ["DATA", "KERNELS", "GoldenVector", "load_vectors"]

KERNELS = ENGINES
DATA = Path(__file__).with_name("data")

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class GoldenVector:
    """One of them.

    Attributes
    ----------
    name : of the case, such as "gemm products".
    command : its 64 bytes; addresses are offsets in the memory.
    memory : uint8 [nbytes], operands among noise; each byte at the result's place is another one than it must become.
    expected : the result, [rows, columns] of what the command writes.
    """

    name: str
    command: bytes
    memory: Bytes
    expected: npt.NDArray[Any]

    @property
    def result(self) -> Operand:
        """Where the command writes."""
        (written,) = (each for each in operands(decode(self.command)) if each.written)
        return written

    def why_not(self, config: AcceleratorConfig) -> str:
        """Why a configuration does not take it; empty where it does."""
        code, _ = check(self.command, config)
        if code is ErrorCode.NONE:
            return ""
        why = "of no kind that there is on" if code is ErrorCode.BAD_FLAGS else "too large for"
        return f"{self.name}: {why} config {config.name!r} ({code.name})"

    def after(self) -> Bytes:
        """The memory as it must be in the end."""
        memory, place = self.memory.copy(), self.result
        for row, values in enumerate(self.expected):
            start = place.address + row * place.stride
            memory[start : start + place.row_bytes] = np.ascontiguousarray(values).view(np.uint8)
        return memory

    def difference(self, found: Bytes) -> str:
        """The first byte of the memory that is not as it must be, in words; empty where all are."""
        both = found, self.after()
        wrong = np.flatnonzero(np.not_equal(*both))
        if not wrong.size:
            return ""
        place, size = self.result, self.expected.itemsize
        row, byte = divmod(int(wrong[0]) - place.address, place.stride or place.row_bytes)
        many = f"{wrong.size:,} of {found.size:,} bytes of memory differ"
        if not (0 <= row < place.rows and byte < place.row_bytes):
            return f"{self.name}: {many}, first byte {wrong[0]}, which nothing may write"
        start = place.address + row * place.stride + byte // size * size
        got, must = (np.frombuffer(each[start : start + size].tobytes(), self.expected.dtype)[0] for each in both)
        return f"{self.name}: {many}, first [{row}, {byte // size}] of the result, which is {got}, not {must}"


def load_vectors(kernel: str) -> list[GoldenVector]:
    """The vectors of a kernel, in their order."""
    arrays = read_npz(DATA / f"{kernel}.npz")
    names = dict.fromkeys(key.rpartition("/")[0] for key in arrays)
    return [
        GoldenVector(name, arrays[f"{name}/command"].tobytes(), arrays[f"{name}/memory"], arrays[f"{name}/expected"])
        for name in names
    ]
