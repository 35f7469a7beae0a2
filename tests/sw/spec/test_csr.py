"""CSR matrices: construction, quantisation, row selection, and the sentences they refuse bad input with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gatewright.spec.csr import FEATURE_MAX_ABS, WEIGHT_MAX, CsrMatrix
from gatewright.spec.errors import SpecError
from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS

DENSE = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.floats(-4, 4, width=16) | st.just(0.0)
)
EXAMPLE = CsrMatrix([0, 2, 2, 3], [1, 4, 0], [10, -20, 30], 5, 0.5)


@given(DENSE)
@settings(max_examples=60, deadline=None)
def test_from_dense_keeps_every_weight_within_half_a_step(dense):
    csr = CsrMatrix.from_dense(dense)
    assert np.abs(csr.to_dense() - dense).max() <= csr.scale / 2 + 1e-12
    assert csr.nnz == np.count_nonzero(dense)
    if csr.nnz:
        assert np.abs(csr.weight).max() == WEIGHT_MAX


@given(DENSE, st.data())
@settings(max_examples=60, deadline=None)
def test_rows_selects_in_any_order_with_repeats(dense, data):
    csr = CsrMatrix.from_dense(dense)
    selection = data.draw(st.lists(st.integers(0, csr.n_rows - 1), min_size=1, max_size=10))
    picked = csr.rows(selection)
    assert np.array_equal(picked.to_dense(), csr.to_dense()[selection])
    assert (picked.cols, picked.scale) == (csr.cols, csr.scale)


def test_from_coo_sorts_by_row_and_adds_repeated_edges():
    csr = CsrMatrix.from_coo([2, 0, 2, 2], [1, 0, 0, 1], [1.0, 2.0, -1.0, 3.0], 4, 2)
    assert csr.row_ptr.tolist() == [0, 1, 1, 4, 4]
    assert csr.col.tolist() == [0, 1, 0, 1]
    assert np.allclose(csr.to_dense(), [[2, 0], [0, 0], [-1, 4], [0, 0]], atol=1e-4)


def test_properties():
    assert (EXAMPLE.n_rows, EXAMPLE.nnz, EXAMPLE.cols) == (3, 3, 5)
    assert EXAMPLE.degrees.tolist() == [2, 0, 1]
    assert EXAMPLE.abs_row_sums().tolist() == [30, 0, 30]
    assert EXAMPLE.max_abs_row_sum == 30
    assert [EXAMPLE.row_of(edge) for edge in range(3)] == [0, 0, 2]
    assert [array.dtype for array in (EXAMPLE.row_ptr, EXAMPLE.col, EXAMPLE.weight)] == [np.uint32, np.uint32, np.int16]


def test_a_matrix_without_edges_and_one_of_zero_weights():
    assert CsrMatrix([0, 0], [], [], 3).max_abs_row_sum == 0
    zero = CsrMatrix.from_float([0, 1], [0], [0.0], 1)
    assert (zero.weight.tolist(), zero.scale) == ([0], 1.0)


def test_arrays_are_read_only_copies():
    col = np.array([0], np.uint32)
    csr = CsrMatrix([0, 1], col, [1], 1)
    col[0] = 9
    assert csr.col[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        csr.weight[0] = 5


def test_the_accumulator_bound_is_exact():
    most = ((1 << (AGGREGATE_ACCUMULATOR_BITS - 1)) - 1) // FEATURE_MAX_ABS
    full, rest = divmod(most, WEIGHT_MAX)
    weights = np.full(full + 1, WEIGHT_MAX)
    weights[-1] = rest
    row_ptr = [0, 0, full + 1]
    assert CsrMatrix(row_ptr, np.zeros(full + 1, int), weights, 1).max_abs_row_sum == most
    weights[-1] += 1
    with pytest.raises(SpecError, match=f"row 1: its weights' magnitudes sum to {most + 1}, allowed at most {most}"):
        CsrMatrix(row_ptr, np.zeros(full + 1, int), weights, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([1, 2], [0, 0], [1, 1], 1), r"row_ptr\[0\] is 1, allowed: 0"),
        (([0], [], [], 1), "row_ptr has 1 entries, allowed: at least 2"),
        (([0, 2, 1], [0], [1], 1), "row 1: row_ptr falls from 2 to 1"),
        (([0, 1], [0, 0], [1, 1], 1), "row_ptr ends at 1, col has 2 edges and weight 2"),
        (([0, 1], [0], [1, 1], 1), "row_ptr ends at 1, col has 1 edges and weight 2"),
        (([0, 0, 2], [0, 7], [1, 1], 7), r"edge 1 \(row 1\): column 7, allowed 0..6"),
        (([0, 1], [-1], [1], 7), r"col\[0\] is -1, allowed 0..4294967295"),
        (([0, 1], [0], [40000], 7), r"weight\[0\] is 40000, allowed -32768..32767"),
        (([0, 1], [0.5], [1], 7), "col has dtype float64, allowed: integers"),
        (([[0, 1]], [0], [1], 7), "row_ptr has 2 dimensions, allowed: 1"),
        (([0, 1], [0], [1], 0), "cols is 0, allowed 1..4294967295"),
        (([0, 1], [0], [1], 1, 0.0), "scale is 0.0, allowed: finite and above 0"),
        (([0, 1], [0], [1], 1, float("nan")), "scale is nan"),
    ],
)
def test_bad_matrices_are_refused(arguments, sentence):
    with pytest.raises(SpecError, match=sentence):
        CsrMatrix(*arguments)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: CsrMatrix.from_float([0, 2], [0, 0], [1.0, float("inf")], 1), "edge 1: weight inf, allowed: finite"),
        (lambda: CsrMatrix.from_coo([0, 3], [0, 0], [1.0, 1.0], 3, 1), "edge 1: row 3, allowed 0..2"),
        (lambda: CsrMatrix.from_coo([0.0], [0], [1.0], 3, 1), "row has dtype float64, allowed: integers"),
        (lambda: CsrMatrix.from_coo([0], [0, 0], [1.0], 3, 1), "row, col and weights have shapes"),
        (lambda: CsrMatrix.from_dense([1.0, 2.0]), "matrix has 1 dimensions, allowed: 2"),
        (lambda: EXAMPLE.rows([0, 3]), r"selection\[1\] is row 3, allowed 0..2"),
        (lambda: EXAMPLE.rows([-1]), r"selection\[0\] is row -1, allowed 0..2"),
        (lambda: EXAMPLE.rows([0.5]), "selection has shape .1,. and dtype float64"),
    ],
)
def test_bad_conversions_are_refused(call, sentence):
    with pytest.raises(SpecError, match=sentence):
        call()
