"""Tables of numbers with millions of rows, in memory that grows with their numbers alone.

numpy reads a block of lines at a time. It says less about what is wrong than people need, and would accept some of it;
so a block that is not plainly right (other text than numbers, values that are not allowed, another number of fields) is
read again row by row, and what that says holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO, StringIO
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gatewright.models.data.tables import Layout, no_rows, parse_row, positions, rows, take_header
from gatewright.models.data.values import Kind
from gatewright.recommender.errors import DataError

__all__ = ["read_numbers"]

BLOCK_BYTES = 1 << 22
BLOCK_ROWS = 1 << 16

Columns = list[np.ndarray]


def read_numbers(path: Path, layout: Layout, kinds: Mapping[str, Kind]) -> Columns:
    """The columns named in ``kinds``, an array each of its kind's type.

    Raises `DataError` for a missing column, a malformed row, a value that is not allowed: each with its line.
    """
    with path.open("rb") as file:
        blocks = list(_read(path, layout, kinds, file))
    if not any(len(block[0]) for block in blocks):
        raise DataError(f"{path} {no_rows(layout)}")
    return [np.concatenate(column) for column in zip(*blocks, strict=True)]


def _read(path: Path, layout: Layout, kinds: Mapping[str, Kind], file: BinaryIO) -> Iterator[Columns]:
    header, line = take_header(path, layout, rows(path, layout, file))
    where = positions(path, header, kinds)
    plan = [(name, position, kind.parse) for (name, kind), position in zip(kinds.items(), where, strict=True)]
    while block := file.read(BLOCK_BYTES) + file.readline():
        numbers = _plain_numbers(block, layout)
        if numbers is not None and numbers.shape[1] == len(header):
            columns = [numbers[:, position] for position in where]
            if all(kind.allows(column).all() for kind, column in zip(kinds.values(), columns, strict=True)):
                yield [column.astype(kind.dtype) for kind, column in zip(kinds.values(), columns, strict=True)]
                line += block.count(b"\n")
                continue
        lines: Iterable[bytes] = BytesIO(block)
        if layout.quoted and b'"' in block:
            lines = chain(lines, file)  # what is quoted may go on behind the block
        values = (parse_row(path, layout, row, len(header), plan) for row in rows(path, layout, lines, line))
        while some := list(islice(values, BLOCK_ROWS)):
            yield [
                np.array(column, kind.dtype)
                for kind, column in zip(kinds.values(), zip(*some, strict=True), strict=True)
            ]
        line += block.count(b"\n")


def _plain_numbers(block: bytes, layout: Layout) -> np.ndarray | None:
    """float64 [rows, columns] of lines that hold nothing but numbers, as many in each; None of others."""
    separator, odd = layout.separator.encode(), b'"' if layout.quoted else b""
    if len(separator) > 1:  # which numpy does not read
        separator, odd = b"\t", b"\t"
    if not block.isascii() or not block.strip() or (odd and odd in block):
        return None
    text = block.decode("ascii").replace(layout.separator, separator.decode())
    try:
        return np.loadtxt(StringIO(text), delimiter=separator.decode(), comments=None, ndmin=2)
    except ValueError:
        return None
