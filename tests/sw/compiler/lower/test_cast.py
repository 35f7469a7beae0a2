"""Integers that become real numbers: in the range that calibration saw of them, whatever their type holds."""

import numpy as np
import pytest

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model

WHOLE = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]

RANGES = {
    "flags": (0, 2),
    "stars": (1, 6),
    "signs": (-3, 4),
    "pixels": (0, 256),
    "years": (1900, 2021),
    "identifiers": (1, 1_000_000),
    "seconds": (1_650_000_000, 1_652_600_000),
    "all of int32": (-(2**31), 2**31),
}


def draw(rng, kind, dtype, shape=(20, 8)):
    low, high = RANGES[kind]
    return rng.integers(low, high, shape).astype(dtype)


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def product(g, x, rng, kind):
    return g.node("MatMul", [x, g.constant(normal(rng, 8, 6))], [20, 6])


def centred_product(g, x, rng, kind):
    """A bias that takes the mean away: what is left must be as exact as it is."""
    weight = normal(rng, 8, 6)
    bias = -sum(RANGES[kind]) / 2 * weight.sum(0, dtype=np.float64)
    total = g.node("MatMul", [x, g.constant(weight)], [20, 6])
    return g.node("Add", [total, g.constant(bias.astype(np.float32))], [20, 6])


def normalised(g, x, rng, kind):
    low, high = RANGES[kind]
    less = g.node("Sub", [x, g.constant(np.float32((low + high) / 2))], [20, 8])
    return g.node("Div", [less, g.constant(np.float32((high - low) / 2))], [20, 8])


def times_an_activation(g, x, rng, kind):
    return g.node("Mul", [x, g.input("a", [20, 8])], [20, 8])


def times_a_column(g, x, rng, kind):
    return g.node("Mul", [g.input("a", [20, 1]), x], [20, 8])


def plus_an_activation(g, x, rng, kind):
    low, high = RANGES[kind]
    scaled = g.node("Mul", [g.input("a", [20, 8]), g.constant(np.float32(high - low))], [20, 8])
    return g.node("Add", [x, scaled], [20, 8])


def divided(g, x, rng, kind):
    positive = g.node("Exp", [g.input("a", [20, 8])], [20, 8])
    return g.node("Div", [x, positive], [20, 8])


READERS = {
    "product": product,
    "centred product": centred_product,
    "normalised": normalised,
    "times an activation": times_an_activation,
    "times a column": times_a_column,
    "plus an activation": plus_an_activation,
    "divided": divided,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", RANGES)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_ranges_and_readers(graph, rng, run, dtype, kind, reader):
    g = graph()
    cast = g.node("Cast", [g.input("x", [20, 8], dtype)], [20, 8], to=1)
    model = g.model(READERS[reader](g, cast, rng, kind))
    feed = {"x": draw(rng, kind, dtype)}
    shapes = {value.name: [each.dim_value for each in value.type.tensor_type.shape.dim] for value in model.graph.input}
    if "a" in shapes:
        feed["a"] = normal(rng, *shapes["a"])
    outcome = run(model, feed)
    assert not outcome.reasons
    assert outcome.error < 0.015


@pytest.mark.parametrize("dtype", WHOLE)
@pytest.mark.parametrize("largest", [1, 100, 20_000])
def test_integers_of_16_bits_are_exact(graph, rng, run, dtype, largest):
    limits = np.iinfo(dtype)
    x = rng.integers(max(limits.min, -largest), min(limits.max, largest) + 1, (10, 8)).astype(dtype)
    g = graph()
    outcome = run(g.model(g.node("Cast", [g.input("x", x.shape, dtype)], x.shape, to=1)), {"x": x})
    assert not outcome.reasons
    np.testing.assert_array_equal(outcome.found["cast0"], x)


def test_truth_values_are_numbers(graph, rng, run):
    g = graph()
    x = rng.random((20, 8)) < 0.5
    cast = g.node("Cast", [g.input("x", x.shape, bool)], x.shape, to=1)
    outcome = run(g.model(cast, product(g, cast, rng, "flags")), {"x": x})
    assert not outcome.reasons
    np.testing.assert_array_equal(outcome.found["cast0"], x)
    assert outcome.error < 0.01


def test_tables_are_exact_at_small_integers(graph, rng, run):
    g = graph()
    cast = g.node("Cast", [g.input("x", [20, 8], np.int64)], [20, 8], to=1)
    outcome = run(g.model(g.node("Log", [cast], [20, 8])), {"x": rng.integers(1, 170, (20, 8))})
    assert outcome.error < 2e-4


def test_each_column_has_its_own_range(graph, rng, run):
    """A row of a table: a year, a flag, an identifier, some stars, and a time."""
    kinds = ["years", "flags", "identifiers", "stars"]
    x = np.stack([draw(rng, kind, np.int64, 100) for kind in kinds], 1)
    weight = normal(rng, 4, 6) / np.abs(x).max(0, keepdims=True).T
    g = graph()
    cast = g.node("Cast", [g.input("x", x.shape, np.int64)], x.shape, to=1)
    outcome = run(g.model(g.node("MatMul", [cast, g.constant(weight.astype(np.float32))], [100, 6])), {"x": x})
    assert not outcome.reasons
    assert outcome.error < 0.02


@pytest.mark.parametrize("kind", ["flags", "years", "identifiers"])
def test_integers_of_the_host(graph, rng, run, kind):
    """The result of an operator that the fabric does not have."""
    g = graph()
    running = g.node("CumSum", [g.input("x", [20, 8], np.int32), g.constant(np.int64(1))], [20, 8], dtype=np.int32)
    cast = g.node("Cast", [running], [20, 8], to=1)
    model = g.model(g.node("Mul", [product(g, cast, rng, kind), g.input("a", [20, 6])], [20, 6]))
    outcome = run(model, {"x": draw(rng, kind, np.int32), "a": normal(rng, 20, 6)})
    assert outcome.reasons == ["the fabric has no operator CumSum"]
    assert outcome.error < 0.015


VIEWS = {
    "Reshape": (lambda g: [g.constant([10, 16])], [10, 16], {}),
    "Transpose": (lambda g: [], [8, 20], {"perm": [1, 0]}),
    "Slice": (lambda g: [g.constant([4]), g.constant([8]), g.constant([1])], [20, 4], {}),
    "Gather": (lambda g: [g.constant([3, 1, 7])], [3, 8], {}),
    "Unsqueeze": (lambda g: [g.constant([1])], [20, 1, 8], {}),
}
"""Operators that move elements: their constant operands, the shape of their result, and attributes."""


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", ["flags", "years", "seconds"])
def test_moved_integers_are_cast_first(graph, rng, run, kind, view):
    """int64 cannot be moved on the fabric, real numbers can."""
    g = graph()
    constants, shape, attributes = VIEWS[view]
    moved = g.node(view, [g.input("x", [20, 8], np.int64), *constants(g)], shape, dtype=np.int64, **attributes)
    outcome = run(g.model(g.node("Cast", [moved], shape, to=1)), {"x": draw(rng, kind, np.int64)})
    assert not outcome.reasons
    assert outcome.error < 1e-4


def test_columns_that_are_split(graph, rng, run):
    g = graph()
    names = g.split(g.input("x", [20, 8], np.int64), 2, [20, 4])
    for name in names:
        g.values[name].type.tensor_type.elem_type = 7
    casts = [g.node("Cast", [name], [20, 4], to=1) for name in names]
    outcome = run(g.model(g.node("Mul", casts, [20, 4])), {"x": draw(rng, "stars", np.int64)})
    assert not outcome.reasons
    assert outcome.error < 1e-3


@pytest.mark.parametrize("kind", ["flags", "identifiers", "all of int32"])
def test_dequantised_int32(graph, rng, run, kind):
    """As the bias of a quantised layer has them."""
    g = graph()
    real = g.node("DequantizeLinear", [g.input("x", [20, 8], np.int32), g.constant(np.float32(1e-4))], [20, 8])
    outcome = run(
        g.model(g.node("Mul", [real, g.input("a", [20, 8])], [20, 8])),
        {"x": draw(rng, kind, np.int32), "a": normal(rng, 20, 8)},
    )
    assert not outcome.reasons
    assert outcome.error < 1e-3


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("k", [8, 100, 500])
def test_sums_of_the_array_times_an_activation(graph, rng, run, k, column):
    """int32 of the fabric itself: of a product only one factor may have more than 16 bits."""
    g = graph()
    a, b = g.input("a", [20, k], np.uint8), g.input("b", [k, 8], np.int8)
    total = g.node("MatMulInteger", [a, b, g.constant(np.uint8(128))], [20, 8], dtype=np.int32)
    cast = g.node("Cast", [total], [20, 8], to=1)
    factor = g.input("c", [20, 1 if column else 8])
    outcome = run(
        g.model(g.node("Mul", [factor, cast], [20, 8])),
        {
            "a": rng.integers(0, 256, (20, k)).astype(np.uint8),
            "b": rng.integers(-128, 128, (k, 8)).astype(np.int8),
            "c": normal(rng, 20, 1 if column else 8),
        },
    )
    assert not outcome.reasons
    assert outcome.error < 1e-3


def test_quantised_on_the_fabric_and_cast(graph, rng, run):
    g = graph()
    operands = [
        g.node("Relu", [g.input("x", [20, 8])], [20, 8]),
        g.constant(np.float32(0.02)),
        g.constant(np.uint8(30)),
    ]
    cast = g.node("Cast", [g.node("QuantizeLinear", operands, [20, 8], dtype=np.uint8)], [20, 8], to=1)
    outcome = run(g.model(g.node("Mul", [cast, g.input("a", [20, 8])], [20, 8])), {n: normal(rng, 20, 8) for n in "xa"})
    assert not outcome.reasons
    assert outcome.error < 0.01


@pytest.mark.parametrize("beyond", [0, 3])
def test_a_call_counts_what_is_beyond_calibration(graph, rng, beyond):
    g = graph()
    cast = g.node("Cast", [g.input("x", [20, 8], np.int64)], [20, 8], to=1)
    model = g.model(product(g, cast, rng, "years"))
    x = draw(rng, "years", np.int64)
    program = compile_model(model, config="tiny", calibration={"x": x})
    x.reshape(-1)[:beyond] = 9999
    with Accelerator(program.config, "golden") as accelerator, accelerator.load(program) as loaded:
        loaded(x=x)
        assert sum(found.count for found in loaded.report.saturated) == beyond
        assert all(found.low < 1900 < 2020 < found.high for found in loaded.report.saturated)


def test_numbers_far_from_zero_keep_their_differences(graph, rng, run):
    """As results, too: times of one month, to two minutes."""
    g = graph()
    x = draw(rng, "seconds", np.int64)
    outcome = run(g.model(g.node("Cast", [g.input("x", x.shape, np.int64)], x.shape, to=1)), {"x": x})
    assert not outcome.reasons
    assert np.abs(outcome.found["cast0"] - x).max() <= 128
