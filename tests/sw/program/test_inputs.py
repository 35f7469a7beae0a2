"""Inputs as callers give them."""

from __future__ import annotations

import numpy as np
import pytest

from gatewright.program.compiled import Value
from gatewright.program.errors import InputError
from gatewright.program.inputs import Input, Inputs

ACCEPTED = {
    "lists": ("float32", [[1, 2]], np.float32),
    "float64": ("float32", np.array([[1.5, 2]]), np.float32),
    "half": ("float32", np.ones((1, 2), np.float16), np.float32),
    "int32 for int64": ("int64", np.ones((1, 2), np.int32), np.int64),
    "int64 for int8": ("int8", np.full((1, 2), -128), np.int8),
    "bool for int64": ("int64", np.ones((1, 2), bool), np.int64),
    "int for bool": ("bool", np.array([[0, 1]]), np.bool_),
    "float for bool": ("bool", np.array([[0.0, 1.0]]), np.bool_),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_inputs_that_are_taken(case: str) -> None:
    dtype, x, expected = ACCEPTED[case]
    found = Input(Value("v", dtype, (1, 2))).accept(x)
    assert found.dtype == expected
    assert np.array_equal(found, x)


REFUSED = {
    "float for int": ("int64", np.ones((1, 2)), "input 'v' is float64, allowed: int64"),
    "wide for int8": ("int8", np.array([[0, 128]]), r"input 'v' spans 0\.\.128, allowed -128\.\.127"),
    "minus for uint": ("uint8", np.array([[0, -1]]), r"input 'v' spans -1\.\.0, allowed 0\.\.255"),
    "two for bool": ("bool", np.array([[0, 2]]), "input 'v' holds 2, allowed: 0 and 1"),
    "uint64 for int64": ("int64", np.array([[0, 2**63]], np.uint64), r"input 'v' spans 0\.\.9223372036854775808"),
    "nan": ("float32", np.array([[0, np.nan]]), "input 'v' holds nan, allowed: finite numbers"),
    "infinity": ("float32", np.array([[0, -np.inf]]), "input 'v' holds -inf, allowed: finite numbers"),
    "too large": ("float32", np.array([[0, 1e300]]), r"input 'v' holds 1e\+300, too large for float32"),
    "objects": ("float32", np.array([[None, 1]]), "input 'v' is object, allowed: float32"),
    "dimensions": ("float32", np.ones(2), r"input 'v' has shape \(2,\), allowed: 2 dimensions, \[1, 2\]"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_inputs_that_are_refused(case: str) -> None:
    dtype, x, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        Input(Value("v", dtype, (1, 2))).accept(x)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_an_array_of_the_type_is_taken_as_it_is(dtype: str) -> None:
    x = np.ones((1, 2), dtype)
    assert Input(Value("v", dtype, (1, 2))).accept(x) is x


PAIR = Inputs([Value("a", "int64", (1, "n"), fill=7), Value("b", "float32", ("n", "m"))])


def test_named_sizes_are_those_of_all_inputs() -> None:
    values, sizes = PAIR.accept({"b": np.ones((2, 3), np.float32), "a": [[5, 6]]})
    assert sizes == {"n": 2, "m": 3}
    padded = PAIR.pad(values, {"n": 3, "m": 3})
    assert list(padded) == ["a", "b"]
    assert padded["a"].tolist() == [[5, 6, 7]]
    assert padded["b"].tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0]]
    assert PAIR.pad(values, sizes)["b"] is values["b"]


DO_NOT_FIT = {
    "missing": ({"a": [[1]]}, "input 'b' is missing, allowed: a, b"),
    "unknown": ({"a": [[1]], "b": [[1]], "c": 1}, "input 'c' is unknown, allowed: a, b"),
    "another size": (
        {"a": [[1, 2]], "b": [[1.0]]},
        r"input 'b' has shape \(1, 1\), allowed: \[n, m\], and n is 2 in an input before it",
    ),
    "a fixed size": ({"a": [[1], [2]], "b": [[1.0]]}, r"input 'a' has shape \(2, 1\), allowed: \[1, n\]"),
}


@pytest.mark.parametrize("case", DO_NOT_FIT)
def test_inputs_that_do_not_fit(case: str) -> None:
    given, message = DO_NOT_FIT[case]
    with pytest.raises(InputError, match=message):
        PAIR.accept(given)
