"""CsrWalker against numpy: every edge in order, empty rows, and the first fault of a matrix with no edge behind it."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from gatewright.spec.csr import WEIGHT_BITS
from gatewright.spec.errors import ErrorCode
from gatewright_hw.engines.aggregate.csr_walker import CsrWalker
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import put_all, random_pauses, stream_get
from gatewright_sim.golden.aggregate import first_fault

COLS = 50
KEPT = 20
FIELDS = ("col", "weight", "first", "last", "empty", "kept")


def walk(row_ptr: list[int], col: list[int], weight: list[int], nnz: int, rng: np.random.Generator) -> Any:
    """The edges that come out, as dicts, and the error."""
    dut = CsrWalker()
    edges: list[dict[str, int]] = []
    error = []

    async def testbench(ctx: Any) -> None:
        for name, value in {"rows": len(row_ptr) - 1, "cols": COLS, "nnz": nnz, "kept": KEPT}.items():
            ctx.set(getattr(dut, name), value)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        while not (ctx.get(dut.finished) and not ctx.get(dut.edge.valid)):
            if ctx.get(dut.edge.valid) and rng.random() < 0.7:
                edge = await stream_get(ctx, dut.edge)
                edges.append({name: getattr(edge, name) for name in FIELDS})
            else:
                await ctx.tick()
        error.append(ErrorCode(ctx.get(dut.error)))

    def supply(name: str, elements: list[int]) -> Any:
        async def bench(ctx: Any) -> None:
            await ctx.tick()
            await put_all(getattr(dut, name), elements, random_pauses(rng, 0, 0, 0, 4))(ctx)

        return bench

    arrays = {"row_ptr": row_ptr, "col": col, "weight": weight}
    simulate(dut, testbench, background=[supply(name, elements) for name, elements in arrays.items()])
    return edges, error[0]


def edges_of(row_ptr: list[int], col: list[int], weight: list[int], rows: int) -> list[dict[str, int]]:
    """The edges of the first ``rows`` rows; of an empty row its place."""
    edges = []
    for begin, end in pairwise(row_ptr[: rows + 1]):
        if begin == end:
            edges.append({"weight": 0, "first": 1, "last": 1, "empty": 1, "kept": 0})
        for e in range(begin, end):
            edge = {"col": col[e], "weight": weight[e], "first": int(e == begin), "last": int(e == end - 1), "empty": 0}
            edges.append({**edge, "kept": int(col[e] < KEPT)})
    return edges


def without_columns_of_empty_rows(edges: list[dict[str, int]]) -> list[dict[str, int]]:
    return [{name: value for name, value in edge.items() if name != "col" or not edge["empty"]} for edge in edges]


def matrix(degrees: list[int], rng: np.random.Generator) -> tuple[list[int], list[int], list[int]]:
    row_ptr = [0, *np.cumsum(degrees).tolist()]
    cols = rng.integers(0, COLS, row_ptr[-1])
    cols[:1] = COLS - 1  # the last one there is
    cols[1:4] = [KEPT - 1, KEPT, KEPT + 1][: len(cols[1:4])]
    return (
        row_ptr,
        cols.tolist(),
        rng.integers(0, 1 << WEIGHT_BITS, row_ptr[-1]).tolist(),
    )


@pytest.mark.parametrize("degrees", [[0], [1], [0, 0, 3, 0], [5, 1, 0, 12, 1], [0, 2] * 20])
def test_sound_matrices(degrees: list[int], rng: np.random.Generator) -> None:
    row_ptr, col, weight = matrix(degrees, rng)
    edges, error = walk(row_ptr, col, weight, len(col), rng)
    assert error == ErrorCode.NONE
    assert without_columns_of_empty_rows(edges) == edges_of(row_ptr, col, weight, len(degrees))


@pytest.mark.parametrize(
    ("row_ptr", "wild", "code"),
    [
        ([1, 3, 5], [], ErrorCode.BAD_ROW_POINTER),  # does not begin at 0
        ([0, 3, 2, 5], [], ErrorCode.BAD_ROW_POINTER),  # falls
        ([0, 3, 6], [], ErrorCode.BAD_ROW_POINTER),  # beyond nnz
        ([0, (1 << 32) - 1, 5], [], ErrorCode.BAD_ROW_POINTER),
        ([0, 2, 5], [0], ErrorCode.BAD_INDEX),
        ([0, 2, 5], [4], ErrorCode.BAD_INDEX),
        ([0, 0, 5], [2], ErrorCode.BAD_INDEX),
        ([0, 2, 1], [0], ErrorCode.BAD_INDEX),  # the column comes first
        ([0, 2, 1, 5], [3], ErrorCode.BAD_ROW_POINTER),  # the pointer comes first
    ],
)
@pytest.mark.parametrize("beyond", [COLS, (1 << 32) - 1])
def test_the_first_fault_stops_the_walk(
    row_ptr: list[int], wild: list[int], code: ErrorCode, beyond: int, rng: np.random.Generator
) -> None:
    nnz = 5
    col, weight = rng.integers(0, COLS, nnz), rng.integers(0, 1 << WEIGHT_BITS, nnz)
    col[wild] = beyond
    edges, error = walk(row_ptr, col.tolist(), weight.tolist(), nnz, rng)
    expected, rows = first_fault(np.array(row_ptr), col, COLS, nnz)
    assert error == expected == code
    whole = edges_of(row_ptr, col.tolist(), weight.tolist(), rows)
    assert without_columns_of_empty_rows(edges)[: len(whole)] == whole
    sound = wild[0] if wild and code is ErrorCode.BAD_INDEX else row_ptr[rows] if row_ptr[0] == 0 else 0
    assert sum(not edge["empty"] for edge in edges) == sound
