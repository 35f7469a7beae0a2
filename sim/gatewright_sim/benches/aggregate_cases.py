"""Random and chosen AGGREGATE commands, and where their operands and results lie."""

from dataclasses import dataclass

import numpy as np

from gatewright.spec.commands import AGGREGATE, encode
from gatewright.spec.fixed import Requantise
from gatewright.spec.memory import BUS_BYTES
from gatewright_sim.benches.harness.layout import Layout, PlacedCase, padded_rows
from gatewright_sim.golden.aggregate import aggregate, first_fault

__all__ = ["Matrix", "place", "random_matrix"]


@dataclass
class Matrix:
    """A CSR matrix that may be faulty, features int8 [cols, features] and a requantiser: the input of one command."""

    row_ptr: np.ndarray
    col: np.ndarray
    weight: np.ndarray
    x: np.ndarray
    requantise: Requantise


def _degrees(rng: np.random.Generator, rows: int, hub: int) -> np.ndarray:
    """Few edges, many edges, nearly none, or hubs among empty rows."""
    kinds = (
        rng.integers(0, 4, rows),
        rng.integers(0, 20, rows),
        rng.integers(0, 2, rows),
        np.where(rng.random(rows) < 0.2, rng.integers(0, hub, rows), 0),
    )
    return kinds[rng.integers(len(kinds))]


def random_matrix(rng: np.random.Generator, features: int, hub: int = 150) -> Matrix:
    """A sound matrix; weights and features are sometimes extreme throughout."""
    degrees = _degrees(rng, int(rng.choice([1, 2, 3, 12])), hub)
    nnz, cols = int(degrees.sum()), int(rng.choice([1, 2, 30]))
    spare = int(rng.choice([0, 0, 1, 50]))  # edges that no row claims
    weight = rng.integers(-(2**15), 2**15, nnz + spare)
    x = rng.integers(-128, 128, (cols, features))
    if rng.random() < 0.3:
        weight = rng.choice([-(2**15), 2**15 - 1], nnz + spare)
        x = rng.choice([-128, 127], x.shape)
    return Matrix(
        row_ptr=np.concatenate([[0], np.cumsum(degrees)]).astype("<u4"),
        col=rng.integers(0, cols, nnz + spare).astype("<u4"),
        weight=weight.astype("<i2"),
        x=x.astype(np.int8),
        requantise=Requantise(int(rng.integers(1, 1 << 16)), int(rng.choice([rng.integers(64), rng.integers(16, 46)]))),
    )


def place(layout: Layout, matrix: Matrix) -> PlacedCase:
    """Put the operands of a command into ``layout`` and its results into what must be there in the end."""
    rows, nnz = len(matrix.row_ptr) - 1, len(matrix.col)
    cols, features = matrix.x.shape
    x = padded_rows(layout.rng, matrix.x)
    y = padded_rows(layout.rng, np.zeros((rows, features), np.int8))
    error, sound = first_fault(matrix.row_ptr, matrix.col, cols, nnz)

    ranges = {
        "row_ptr": layout.put(matrix.row_ptr),
        "col": layout.put(matrix.col),
        "weight": layout.put(matrix.weight),
        "x": layout.put(x),
        "y": layout.put(y),
    }
    if sound:
        edges = slice(int(matrix.row_ptr[sound]))
        pointers = matrix.row_ptr[: sound + 1]
        y[:sound, :features] = aggregate(pointers, matrix.col[edges], matrix.weight[edges], matrix.x, matrix.requantise)
        start = ranges["y"][0]
        layout.after[start : start + y.size] = y.view(np.uint8).ravel()

    command = encode(
        AGGREGATE,
        **{f"{name}_addr": start for name, (start, _) in ranges.items()},
        rows=rows,
        cols=cols,
        nnz=nnz,
        features=features,
        x_stride=x.shape[1],
        y_stride=y.shape[1],
        multiplier=matrix.requantise.multiplier,
        shift=matrix.requantise.shift,
    )
    words = -(-features // BUS_BYTES)
    streams = sum(-(-array.nbytes // BUS_BYTES) for array in (matrix.row_ptr, matrix.col, matrix.weight))
    reads = [limits for name, limits in ranges.items() if name != "y"]
    return PlacedCase(command, error, reads, streams + nnz * words)
