"""The golden aggregation against PyTorch, and its algebra."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.spec.csr import CsrMatrix
from gatewright.spec.errors import ErrorCode, SpecError
from gatewright.spec.fixed import Requantise
from gatewright_sim.golden.aggregate import accumulate, aggregate, first_fault

UNIT = Requantise(1, 0)


def random_csr(rng, degrees, cols) -> CsrMatrix:
    degrees = np.asarray(degrees)
    nnz = int(degrees.sum())
    return CsrMatrix(
        np.concatenate([[0], np.cumsum(degrees)]),
        rng.integers(0, cols, nnz),
        rng.integers(-(2**15), 2**15, nnz),
        cols,
    )


def random_features(rng, cols, features) -> np.ndarray:
    return rng.integers(-128, 128, (cols, features)).astype(np.int8)


@st.composite
def graphs(draw):
    """A matrix with empty rows and hubs, and its features."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    degrees = draw(st.lists(st.sampled_from([0, 0, 1, 2, 3, 7, 40, 700]), min_size=1, max_size=12))
    cols = draw(st.integers(1, 50))
    return random_csr(rng, degrees, cols), random_features(rng, cols, draw(st.integers(1, 70)))


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_accumulators_equal_a_dense_product(graph):
    csr, x = graph
    dense = csr.to_dense().astype(np.int64)
    assert np.array_equal(accumulate(csr.row_ptr, csr.col, csr.weight, x), dense @ x.astype(np.int64))


@given(graphs(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_order_of_rows_edges_and_columns_does_not_matter(graph, seed):
    csr, x = graph
    rng = np.random.default_rng(seed)
    out = accumulate(csr.row_ptr, csr.col, csr.weight, x)

    rows = rng.permutation(csr.n_rows)
    picked = csr.rows(rows)
    assert np.array_equal(accumulate(picked.row_ptr, picked.col, picked.weight, x), out[rows])

    row_of_edge = np.repeat(np.arange(csr.n_rows), csr.degrees)
    edges = np.lexsort([rng.random(csr.nnz), row_of_edge])
    assert np.array_equal(accumulate(csr.row_ptr, csr.col[edges], csr.weight[edges], x), out)

    names = rng.permutation(csr.cols)
    renamed = np.empty_like(x)
    renamed[names] = x
    assert np.array_equal(accumulate(csr.row_ptr, names[csr.col], csr.weight, renamed), out)


@pytest.mark.parametrize("features", [1, 7, 64, 1024])
def test_close_to_torch_sparse_mm(features, rng):
    """LightGCN's weights, 1/sqrt(d_i d_j). The bound: half a unit, plus the rounding of weights and of the scale."""
    rows, cols, nnz = 300, 200, 6000
    row, col = np.unique([rng.zipf(1.5, nnz) % rows, rng.zipf(1.5, nnz) % cols], axis=1)
    weights = 1 / np.sqrt(np.bincount(row, minlength=rows)[row] * np.bincount(col, minlength=cols)[col])
    csr = CsrMatrix.from_coo(row, col, weights, rows, cols)
    x, x_scale = random_features(rng, cols, features), 0.037

    matrix = torch.sparse_coo_tensor(np.stack([row, col]), weights, (rows, cols), check_invariants=True).coalesce()
    real = torch.sparse.mm(matrix, torch.from_numpy(x * x_scale)).numpy()
    y_scale = np.abs(real).max() / 127
    y = aggregate(csr.row_ptr, csr.col, csr.weight, x, Requantise.from_scale(csr.scale * x_scale / y_scale))

    weight_error = csr.degrees[:, None] * csr.scale / 2 * 128 * x_scale / y_scale
    error = np.abs(y - real / y_scale)
    assert y.dtype == np.int8
    assert (error <= 0.5 + weight_error + 127 * 2**-16).all()
    assert error.max() < 0.6


def test_a_hub_longer_than_a_block_is_summed_across_blocks(rng):
    csr = random_csr(rng, [3, 0, 5000, 0, 2], 40)
    x = random_features(rng, 40, 1024)
    expected = csr.to_dense().astype(np.int64) @ x.astype(np.int64)
    assert np.array_equal(accumulate(csr.row_ptr, csr.col, csr.weight, x), expected)


def test_rows_of_degree_zero_are_zero_and_extremes_saturate():
    full = np.full(3, -(2**15))
    y = aggregate([0, 0, 3, 3], [0, 1, 1], full, np.array([[-128, 127], [-128, 127]], np.int8), UNIT)
    assert y.tolist() == [[0, 0], [127, -128], [0, 0]]


def test_the_accumulator_wraps_at_40_bits():
    edges = 1 << 17
    acc = accumulate([0, edges], np.zeros(edges, int), np.full(edges, -(2**15)), np.array([[-128]], np.int8))
    assert acc.tolist() == [[-(1 << 39)]]


@pytest.mark.parametrize(
    ("row_ptr", "col", "fault", "rows"),
    [
        ([0, 2, 3], [0, 4, 1], ErrorCode.NONE, 2),
        ([0, 0, 0], [], ErrorCode.NONE, 2),
        ([1, 2, 3], [0, 4, 1], ErrorCode.BAD_ROW_POINTER, 0),
        ([0, 2, 1], [0, 4, 1], ErrorCode.BAD_ROW_POINTER, 1),
        ([0, 2, 4], [0, 4, 1], ErrorCode.BAD_ROW_POINTER, 1),
        ([0, 2, 3], [0, 4, 5], ErrorCode.BAD_INDEX, 1),
        ([0, 2, 1], [0, 5, 1], ErrorCode.BAD_INDEX, 0),  # the edge comes before the pointer
        ([0, 2, 1], [0, 4, 9], ErrorCode.BAD_ROW_POINTER, 1),  # the edge comes after it
        ([0, 0, 2, 2], [0, 2**32 - 1], ErrorCode.BAD_INDEX, 1),
        ([0, 1], [0, 9], ErrorCode.NONE, 1),  # an edge behind the last row counts for nothing
    ],
)
def test_the_first_fault_in_row_order_is_named(row_ptr, col, fault, rows):
    assert first_fault(row_ptr, np.asarray(col, np.uint32), 5, len(col)) == (fault, rows)
    if fault is not ErrorCode.NONE:
        with pytest.raises(SpecError, match=f"row {rows}: {fault.name}"):
            accumulate(row_ptr, col, np.ones(len(col), int), np.ones((5, 1), np.int8))
