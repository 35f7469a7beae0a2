"""How a result's elements, given by their positions in an operand, can be brought together in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import ALIGNMENT

__all__ = [
    "ABSENT",
    "MOST_COPIES",
    "Copy",
    "Positions",
    "Product",
    "as_copies",
    "as_matrix",
    "as_products",
    "as_view",
    "elements",
    "locate",
    "movable",
]

Positions = npt.NDArray[np.int64]
"""For each element of a result, in its shape, the number of the operand's element that it is, or ABSENT."""

ABSENT = -1

MOST_COPIES = 1024
"""Commands that a move may take."""

MOST_ONES = 1 << 21
"""Bytes that the matrices of zeros and ones of one move may take."""


@dataclass(frozen=True)
class Copy:
    """``rows`` rows of ``cols`` elements from byte ``start``, ``stride`` bytes apart, to a place in the result."""

    row: int
    rows: int
    col: int
    cols: int
    start: int
    stride: int


@dataclass(frozen=True, eq=False)
class Product:
    """One GEMM, whose operands and result are described in elements of int8 and byte distances in the source.

    ``on_left``: Y[i] = X[i] P^T, else Y = P X^T. X has ``rows`` rows of ``window`` elements from byte ``start``,
    ``stride`` apart. ``ones`` is P, [group, window], or on the left [group, cols, window]: there ``group`` rows of the
    value are one row of Y. ``row`` is the first row of the value that it makes.
    """

    on_left: bool
    start: int
    stride: int
    rows: int
    window: int
    ones: npt.NDArray[np.int8]
    row: int
    group: int

    @property
    def work(self) -> int:
        return self.rows * self.ones.size


def as_matrix(positions: Positions) -> Positions:
    return positions.reshape(-1, positions.shape[-1]) if positions.ndim > 1 else positions.reshape(1, -1)


def locate(positions: Positions, cols: int, stride: int, size: int) -> Positions:
    """Byte addresses of elements in a matrix with ``cols`` columns; ABSENT stays."""
    addresses = positions // max(cols, 1) * stride + positions % max(cols, 1) * size
    return np.where(positions < 0, ABSENT, addresses)


def as_view(addresses: Positions, size: int) -> tuple[int, int] | None:
    """Start and stride (0 for a single row) of the rows, or None."""
    rows = len(addresses)
    start = int(addresses[0, 0])
    if start < 0 or start % ALIGNMENT:
        return None
    stride = int(addresses[1, 0]) - start if rows > 1 else 0
    if rows > 1 and (stride <= 0 or stride % ALIGNMENT):
        return None
    wanted = start + np.arange(rows)[:, None] * stride + np.arange(addresses.shape[1]) * size
    return (start, stride) if np.array_equal(addresses, wanted) else None


def as_copies(addresses: Positions, size: int) -> list[Copy] | None:
    """Copies of all elements that are there, or None where a piece starts between multiples of 8 bytes."""
    absent = addresses < 0
    joined = np.where(absent[:, 1:], absent[:, :-1], ~absent[:, :-1] & (np.diff(addresses, axis=1) == size))
    breaks = [0, *(np.flatnonzero(~joined.all(0)) + 1).tolist(), addresses.shape[1]]
    copies: list[Copy] = []
    for col, end in pairwise(breaks):
        starts = addresses[:, col]
        there = starts >= 0
        if not there.any():
            continue
        if col * size % ALIGNMENT or (starts[there] % ALIGNMENT).any():
            return None
        for row, rows, stride in _progressions(starts):
            copies.append(Copy(row, rows, col, end - col, int(starts[row]), stride))
            if len(copies) > MOST_COPIES:
                return None
    return copies


def _progressions(starts: Positions) -> Iterator[tuple[int, int, int]]:
    """First row, number of rows and distance of the runs of rows that follow each other at one distance."""
    row = 0
    while row < len(starts):
        if starts[row] < 0:
            row += 1
            continue
        stride = int(starts[row + 1] - starts[row]) if row + 1 < len(starts) and starts[row + 1] >= 0 else -1
        if stride < 0:
            yield row, 1, 0
            row += 1
            continue
        other = np.flatnonzero(np.diff(starts[row:]) != stride)
        rows = int(other[0]) + 1 if len(other) else len(starts) - row
        yield row, rows, stride
        row += rows


def as_products(addresses: Positions, most_k: int) -> list[Product] | None:
    """The cheapest products of int8 elements that make the result, or None."""
    best: list[Product] | None = None
    for group in (each for each in range(1, len(addresses) + 1) if len(addresses) % each == 0):
        for products in (_left(addresses, group, most_k), _right(addresses, group, most_k)):
            if products is not None and sum(each.ones.size for each in products) <= MOST_ONES:
                cost = sum(each.work for each in products) + (len(products) << 16)
                if best is None or cost < sum(each.work for each in best) + (len(best) << 16):
                    best = products
    return best


def _left(addresses: Positions, group: int, most_k: int) -> list[Product] | None:
    """``Y[i] = X[i] P^T`` with ``group`` rows of the result in one row of Y."""
    first = addresses[:group]
    there = first >= 0
    outer = addresses.reshape(-1, group, addresses.shape[1])
    if not there.any():
        return None
    lowest = int(first[there].min()) // ALIGNMENT * ALIGNMENT
    window = int(first[there].max()) - lowest + 1
    if window > most_k or window * first.size > MOST_ONES:
        return None
    stride = int((outer[1] - outer[0])[there][0]) if len(outer) > 1 else ALIGNMENT
    steps = np.arange(len(outer))[:, None, None] * stride
    if stride % ALIGNMENT or stride <= 0 or not np.array_equal(outer, np.where(there, first + steps, ABSENT)):
        return None
    ones = np.zeros((*first.shape, window), np.int8)
    row, col = np.nonzero(there)
    ones[row, col, first[there] - lowest] = 1
    return [Product(True, lowest, stride, len(outer), window, ones, 0, group)]


def _right(addresses: Positions, group: int, most_k: int) -> list[Product] | None:
    """``Y = P X^T`` for each ``group`` rows of the result."""
    products = []
    count = len(addresses) // group
    if (addresses < 0).any() or group < 2 or count > MOST_COPIES:
        return None
    cols = addresses.shape[1]
    stride = int(addresses[0, 1] - addresses[0, 0]) if cols > 1 else ALIGNMENT
    if stride <= 0 or stride % ALIGNMENT or (np.diff(addresses, axis=1) != stride).any():
        return None
    for index, heads in enumerate(addresses[:, 0].reshape(count, group)):
        lowest = int(heads.min()) // ALIGNMENT * ALIGNMENT
        window = int(heads.max()) - lowest + 1
        if window > most_k or window * group * count > MOST_ONES:
            return None
        ones = np.zeros((group, window), np.int8)
        ones[np.arange(group), heads - lowest] = 1
        products.append(Product(False, lowest, stride, cols, window, ones, index * group, group))
    return products


def movable(
    positions: Sequence[Positions], shapes: Sequence[Sequence[int]], size: int, config: AcceleratorConfig
) -> bool:
    """Whether :func:`move` can make a value from operands of ``shapes`` with elements of ``size`` bytes."""

    def layout(at: int, width: int) -> Positions:
        cols = shapes[at][-1] if len(shapes[at]) else 1
        stride = -(-cols * width // ALIGNMENT) * ALIGNMENT
        return locate(as_matrix(positions[at]), cols, stride, width)

    indices = range(len(positions))
    if any(each.size == 0 for each in positions):
        return False
    if all(as_copies(layout(at, size), size) is not None for at in indices):
        return True
    return size <= 2 and all(as_products(layout(at, 1), config.gemm_max_k) is not None for at in indices)


def elements(shape: Sequence[int]) -> Positions:
    """The positions of a value's elements, in its shape."""
    return np.arange(math.prod(shape), dtype=np.int64).reshape(tuple(shape))
