"""Chains of operators that move elements."""

import numpy as np
import pytest

from gatewright.compiler.bindings import Bindings

NUMBERS = {
    "flat": np.array([6, 4]),
    "split": np.array([2, 3, 2, 2]),
    "back": np.array([2, 3, 4]),
    "three": np.array([2, 3, 3, 4]),
    "joint": np.array([2, 3, 12]),
    "zero": np.array([0]),
    "one": np.array([1]),
    "two": np.array([2]),
    "four": np.array([4]),
    "eight": np.array([8]),
    "axes": np.array([0, 3]),
    "first": np.int64(1),
    "sizes": np.array([4, 4, 4]),
    "lead": np.array([-1, 12]),
}
CASES = {
    "back again": ("float[2,3,4] x", "float[2,3,4] y", "a = Reshape(x, flat) b = Reshape(a, back) y = Relu(b)", {}),
    "two turns": (
        "float[2,3,4] x",
        "float[2,3,4] y",
        "a = Transpose<perm = [2, 0, 1]>(x) b = Transpose<perm = [1, 2, 0]>(a) y = Relu(b)",
        {},
    ),
    "turns that join": (
        "float[2,3,4] x",
        "float[3,4,2] y",
        "a = Transpose<perm = [1, 0, 2]>(x) b = Transpose<perm = [0, 2, 1]>(a) y = Relu(b)",
        {"Transpose": 1},
    ),
    "a turn of single axes": (
        "float[1,3,4] x",
        "float[3,1,4] y",
        "a = Transpose<perm = [1, 0, 2]>(x) y = Relu(a)",
        {"Reshape": 1},
    ),
    "heads apart and joined": (
        "float[2,3,4] x",
        "float[2,3,4] y",
        "a = Reshape(x, split) b = Transpose<perm = [0, 2, 1, 3]>(a) c = Transpose<perm = [0, 2, 1, 3]>(b) "
        "d = Reshape(c, back) y = Relu(d)",
        {},
    ),
    "unsqueezed and squeezed": (
        "float[2,3,4] x",
        "float[2,12] y",
        "a = Unsqueeze(x, axes) b = Squeeze(a, axes) c = Flatten(b) y = Relu(c)",
        {"Flatten": 1},
    ),
    "one row": (
        "float[2,3,4] x",
        "float[2,4] y",
        "a = Gather<axis = 1>(x, first) y = Relu(a)",
        {"Slice": 1, "Reshape": 1},
    ),
    "heads joined in another order": (
        "float[2,3,4] x",
        "float[6,4] y",
        "a = Reshape(x, split) b = Transpose<perm = [1, 0, 2, 3]>(a) c = Reshape(b, flat) y = Relu(c)",
        {"Transpose": 1, "Reshape": 1},
    ),
    "a part of the joint projection": (
        "float[2,3,12] x",
        "float[2,3,4] y",
        "a = Reshape(x, three) b = Transpose<perm = [2, 0, 1, 3]>(a) c = Gather(b, first) y = Relu(c)",
        {"Slice": 1},
    ),
    "parts by Split": (
        "float[2,3,12] x",
        "float[2,3,4] y",
        "a, b, c = Split<axis = 2>(x, sizes) d = Add(a, b) y = Add(d, c)",
        {"Slice": 3, "Add": 2},
    ),
    "a slice of a slice": (
        "float[2,3,12] x",
        "float[2,3,2] y",
        "a = Slice(x, four, eight, two) b = Slice(a, one, end, two) y = Relu(b)",
        {"Slice": 1},
    ),
    "backwards": (
        "float[4] x",
        "float[4] y",
        "a = Slice(x, last, front, zero, back_step) y = Relu(a)",
        {"Slice": 1},
    ),
    "heads in front": (
        "float[2,3,4] x",
        "float[2,2,3,2] y",
        "a = Reshape(x, split) b = Transpose<perm = [0, 2, 1, 3]>(a) y = Relu(b)",
        {"Reshape": 1, "Transpose": 1},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_views(text_model, canonical, case):
    inputs, outputs, body, left = CASES[case]
    extra = {"end": np.array([3]), "last": np.array([-1]), "front": np.array([-(1 << 62)]), "back_step": np.array([-1])}
    model = text_model(inputs, outputs, body, **NUMBERS, **extra)
    (shape,) = [[each.dim_value for each in value.type.tensor_type.shape.dim] for value in model.graph.input]
    x = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    found = canonical(model, {"x": x}).operators
    assert found == (left if "Add" in left else {**left, "Relu": 1})


def test_views_of_a_dynamic_size(text_model, canonical):
    turn = "Transpose<perm = [1, 0]>"
    body = f"a = Reshape(x, lead) b = Reshape(a, lead) c = {turn}(b) d = {turn}(c) y = Relu(d)"
    model = text_model("float[rows,3,4] x", "float[rows,12] y", body, **NUMBERS)
    x = np.random.default_rng(2).normal(size=(5, 3, 4)).astype(np.float32)
    found = canonical(model, {"x": x}, Bindings(capacity={"rows": 8}))
    assert found.operators == {"Reshape": 1, "Relu": 1}


def test_an_output_that_is_an_input_keeps_a_node(text_model, canonical):
    model = text_model("float[2,3,4] x", "float[2,3,4] y", "a = Reshape(x, flat) y = Reshape(a, back)", **NUMBERS)
    found = canonical(model, {"x": np.ones((2, 3, 4), np.float32)})
    assert [value.name for value in found.model.graph.outputs] == ["y"]
    assert len(found.nodes) >= 1


def test_two_outputs_that_are_the_same(text_model, canonical):
    body = "r = Relu(x) a = Reshape(r, flat) y = Reshape(a, back) b = Reshape(r, flat) z = Reshape(b, back)"
    model = text_model("float[2,3,4] x", "float[2,3,4] y, float[2,3,4] z", body, **NUMBERS)
    found = canonical(model, {"x": np.ones((2, 3, 4), np.float32)})
    assert [value.name for value in found.model.graph.outputs] == ["y", "z"]
