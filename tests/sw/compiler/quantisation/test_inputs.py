"""Calibration inputs that do not fit the model are refused by set, name and place; those that fit are taken."""

import numpy as np
import onnx
import pytest

from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import CompileError

MODEL = onnx.parser.parse_model(
    """<ir_version: 10, opset_import: ["" : 20]>
    test (float[batch,4] x, int64[batch] ids, bool[batch,4] keep) => (float[batch,4] y)
    { row = Gather(table, ids) sum = Add(x, row) zero = Constant<value_float = 0.0>() y = Where(keep, sum, zero) }"""
)
MODEL.graph.initializer.append(onnx.numpy_helper.from_array(np.eye(9, 4, dtype=np.float32), "table"))
GOOD = {
    "x": np.arange(8, dtype=np.float32).reshape(2, 4),
    "ids": np.array([1, 7]),
    "keep": np.array([[1, 0, 1, 1], [1, 1, 1, 1]], bool),
}


def compiled(*sets):
    return compile_model(MODEL, config="tiny", calibration=sets, buckets={"batch": [2, 3]})


def changed(array, place, value):
    copy = np.array(array)
    copy[place] = value
    return copy


TAKEN = {
    "as they are": {},
    "double": {"x": GOOD["x"].astype(np.float64)},
    "integers": {"x": GOOD["x"].astype(int)},
    "lists": {name: array.tolist() for name, array in GOOD.items()},
    "int32": {"ids": GOOD["ids"].astype(np.int32)},
    "flags as numbers": {"keep": GOOD["keep"].astype(np.int64)},
    "one row": {name: array[:1] for name, array in GOOD.items()},
    "a mask of infinities": {"x": np.where(GOOD["keep"], 0, -np.inf).astype(np.float32)},
}
REFUSED = {
    "missing": ({"x": None}, "lacks the input 'x', needed: all inputs of the model"),
    "unknown": ({"z": GOOD["x"]}, "has 'z', allowed are the inputs of the model: x, ids, keep"),
    "NaN": ({"x": changed(GOOD["x"], (1, 2), np.nan)}, r"input 'x' is NaN at \[1, 2\], allowed are finite numbers"),
    "infinite": ({"x": changed(GOOD["x"], (0, 3), np.inf)}, r"input 'x' is infinite at \[0, 3\], allowed are finite"),
    "too large": ({"x": changed(GOOD["x"].astype(float), (0, 1), 1e300)}, r"is 1e\+300 at \[0, 1\], too large for"),
    "complex": ({"x": GOOD["x"] * 1j}, "input 'x' is complex64, allowed: float32"),
    "text": ({"x": np.full((2, 4), "1")}, "input 'x' is <U1, allowed: float32"),
    "objects": ({"x": np.full((2, 4), None)}, "input 'x' is object, allowed: float32"),
    "ragged": ({"x": [[1, 2, 3, 4], [5]]}, "input 'x' is no array"),
    "fractions": ({"ids": np.array([0.5, 1.0])}, "input 'ids' is float64, allowed: int64"),
    "flags": ({"keep": GOOD["keep"] * 2}, r"input 'keep' is 2 at \[0, 0\], allowed in bool: 0..1"),
    "rank": ({"x": GOOD["x"][0]}, r"input 'x' has shape \[4\], allowed is \[batch, 4\]"),
    "columns": ({"x": GOOD["x"][:, :3]}, r"input 'x' has shape \[2, 3\], allowed is \[batch, 4\]"),
    "rows": ({"x": np.ones((4, 4))}, r"input 'x' has shape \[4, 4\], allowed is \[batch, 4\] with batch up to 3"),
    "apart": ({"ids": np.array([1])}, r"'ids' has shape \[1\], allowed is \[batch\] with batch 2 as in another input"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken(name):
    assert compiled(GOOD | TAKEN[name]).variants[0].dims == {"batch": 2}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    change, message = REFUSED[name]
    feed = {key: value for key, value in (GOOD | change).items() if value is not None}
    with pytest.raises(CompileError, match=f"^calibration:? .*{message}"):
        compiled(feed)
    with pytest.raises(CompileError, match=f"^calibration set 1:? .*{message}"):
        compiled(GOOD, feed)


def test_a_set_that_has_no_names():
    with pytest.raises(CompileError, match="calibration set 1 is a list, allowed are inputs by name"):
        compiled(GOOD, [GOOD["x"]])


def test_sets_may_come_one_by_one():
    assert compile_model(MODEL, config="tiny", calibration=iter([GOOD]), buckets={"batch": [2]}).variants


def test_a_narrow_integer_that_overflows():
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 20]> t (uint8[2] x) => (float[2] y) { y = Cast<to = 1>(x) }'
    )
    with pytest.raises(CompileError, match=r"input 'x' is 300 at \[1\], allowed in uint8: 0..255"):
        compile_model(model, config="tiny", calibration={"x": np.array([1, 300])})
