"""Products that take over what is done to their results: when they do, and that nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model
from gatewright.spec.commands import GemmFlags, Opcode, decode
from gatewright.spec.config import get_config

TINY = get_config("tiny")
WITHOUT = replace(TINY, epilogue=False)
ROWS, K, N = 5, 24, 16


def linear(g, rng, x, k=K, n=N, rows=ROWS):
    weight = g.constant(rng.normal(size=(n, k)).astype(np.float32) / np.sqrt(k))
    return g.node("Linear", [x, weight], [rows, n], ours=True, overload="no_bias")


def commands(program):
    (step,) = program.variants[0].steps
    raw = program.image[step.offset : step.offset + 64 * step.count].tobytes()
    return [decode(raw[start : start + 64]) for start in range(0, len(raw), 64)]


def epilogues(program):
    return sum(bool(each.spec.opcode == Opcode.GEMM and each.flags & GemmFlags.EPILOGUE) for each in commands(program))


def both(model, feed):
    """The program with epilogues, and that without, which must give the same bits."""
    programs = [compile_model(model, config=config, calibration=[feed] * 4) for config in (TINY, WITHOUT)]
    results = []
    for program, config in zip(programs, (TINY, WITHOUT), strict=True):
        with Accelerator(config, "golden") as accelerator, accelerator.load(program) as loaded:
            results.append(loaded(**feed))
    assert epilogues(programs[1]) == 0
    for name, value in results[0].items():
        assert np.array_equal(value, results[1][name]), name
    return programs


@pytest.mark.parametrize("function", ["Gelu", "Tanh", "Sigmoid"])
def test_a_function(graph, draw, rng, function):
    g = graph()
    hidden = g.node(function, [linear(g, rng, g.input("x", [ROWS, K]))], [ROWS, N])
    model = g.model(linear(g, rng, hidden, k=N, n=8))
    program, without = both(model, {"x": draw(ROWS, K)})
    assert epilogues(program) == 1
    assert len(commands(program)) < len(commands(without))
    (step,) = program.variants[0].steps
    (layer,) = [layer for layer in step.layers if layer.operator == function]
    assert layer.count == 0
    assert np.isfinite(layer.error)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("first", [True, False])
def test_a_second_operand(graph, draw, rng, operator, first):
    g = graph()
    x = g.node("Tanh", [g.input("x", [ROWS, N])], [ROWS, N])
    product = linear(g, rng, x, k=N)
    total = g.node(operator, [product, x] if first else [x, product], [ROWS, N])
    program, _ = both(g.model(g.node("Softmax", [total], [ROWS, N], axis=-1)), {"x": draw(ROWS, N)})
    assert epilogues(program) == 1


def test_not_with_an_operand_of_another_type(graph, draw, rng):
    """int16, where the sum is an int8 as the next product's operand."""
    g = graph()
    x = g.node("Tanh", [g.input("x", [ROWS, N])], [ROWS, N])
    total = g.node("Add", [linear(g, rng, x, k=N), x], [ROWS, N])
    program, _ = both(g.model(linear(g, rng, total, k=N, n=8)), {"x": draw(ROWS, N)})
    assert epilogues(program) == 0


@pytest.mark.parametrize("wanted", ["by another node", "as an output"])
def test_not_what_is_wanted_itself(graph, draw, rng, wanted):
    g = graph()
    product = linear(g, rng, g.input("x", [ROWS, K]))
    gelu = g.node("Gelu", [product], [ROWS, N])
    if wanted == "as an output":
        model = g.model(product, gelu)
    else:
        total = g.node("Add", [product, gelu], [ROWS, N])
        model = g.model(linear(g, rng, total, k=N, n=8))
    program, _ = both(model, {"x": draw(ROWS, K)})
    assert epilogues(program) == 0


def test_not_with_what_comes_later(graph, draw, rng):
    """The second operand of the sum is made between product and sum; the second product takes the sum."""
    g = graph()
    x, z = g.input("x", [ROWS, K]), g.input("z", [ROWS, K])
    first = linear(g, rng, x)
    late = g.node("Softmax", [linear(g, rng, z)], [ROWS, N], axis=-1)
    total = g.node("Add", [first, late], [ROWS, N])
    program, _ = both(g.model(linear(g, rng, total, k=N, n=8)), {"x": draw(ROWS, K), "z": draw(ROWS, K)})
    assert epilogues(program) == 0


@pytest.mark.parametrize("n", [12, 520])
def test_not_of_parts_of_tiles_or_too_wide(graph, draw, rng, n):
    g = graph()
    gelu = g.node("Gelu", [linear(g, rng, g.input("x", [ROWS, K]), n=n)], [ROWS, n])
    program, _ = both(g.model(linear(g, rng, gelu, k=n, n=8)), {"x": draw(ROWS, K)})
    assert epilogues(program) == 0


def test_a_dynamic_number_of_rows(graph, draw, rng):
    g = graph()
    x = g.input("x", ["rows", K])
    gelu = g.node("Gelu", [linear(g, rng, x, rows="rows")], ["rows", N])
    model = g.model(linear(g, rng, gelu, k=N, n=8, rows="rows"))
    program = compile_model(model, config=TINY, calibration=[{"x": draw(9, K)}] * 4, capacity={"rows": 20})
    assert epilogues(program) == 1
    with Accelerator(TINY, "golden") as golden, golden.load(program) as loaded:
        for rows in (1, 9, 20):
            assert next(iter(loaded(x=draw(rows, K)).values())).shape == (rows, 8)
