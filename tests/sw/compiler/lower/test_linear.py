"""Linear layers: int8 operands with steps and offsets, fine operands, long inner dimensions."""

import numpy as np
import pytest

from gatewright.spec.commands import Opcode, decode


def layer(rng, graph, rows, k, n, bias=True, before=None):
    """``Linear`` on an input, or on a function of it."""
    g = graph()
    x = g.input("x", [*rows, k])
    if before:
        x = g.node(before, [x], [*rows, k])
    operands = [x, g.constant(rng.normal(size=(n, k)).astype(np.float32) / np.sqrt(k))]
    operands += [g.constant(rng.normal(size=n).astype(np.float32))] * bias
    return g.model(g.node("Linear", operands, [*rows, n], ours=True, overload="" if bias else "no_bias"))


def commands(outcome):
    (step,) = outcome.steps
    return [Opcode(int(outcome.program.image[step.offset + 64 * index])) for index in range(step.count)]


def products(outcome):
    """Rows of every GEMM."""
    (step,) = outcome.steps
    raw = outcome.program.image[step.offset : step.offset + 64 * step.count].tobytes()
    found = [decode(raw[start : start + 64]) for start in range(0, len(raw), 64)]
    return [command["m"] for command in found if command.spec.opcode == Opcode.GEMM]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("rows", "k", "n"), [((20,), 32, 24), ((1,), 17, 5), ((2, 7), 64, 300), ((3, 2, 2), 9, 8)])
def test_close_to_float(graph, run, rows, k, n, bias, draw, rng):
    outcome = run(layer(rng, graph, rows, k, n, bias), {"x": draw(*rows, k)})
    assert commands(outcome).count(Opcode.GEMM) == 1
    assert outcome.error < 0.02


def test_a_dynamic_number_of_rows(graph, run, draw, rng):
    outcome = run(layer(rng, graph, ["n"], 16, 8), {"x": draw(5, 16)}, capacity={"n": 40})
    assert outcome.found[next(iter(outcome.found))].shape == (5, 8)
    assert outcome.error < 0.02


def test_an_inner_dimension_longer_than_a_command_holds(graph, run, draw, rng):
    outcome = run(layer(rng, graph, (6,), 1300, 10), {"x": draw(6, 1300)})
    assert commands(outcome).count(Opcode.GEMM) == 3
    assert outcome.error < 0.02


def test_large_columns_do_not_cost_the_others_their_precision(graph, run, draw):
    size = np.where(np.arange(64) % 16 == 3, 100, 1).astype(np.float32)
    x = draw(100, 64) * size
    g = graph()
    weight = g.constant(draw(16, 64) / size)
    model = g.model(g.node("Linear", [g.input("x", [100, 64]), weight], [100, 16], ours=True, overload="no_bias"))
    outcome = run(model, {"x": x})
    assert commands(outcome) == [Opcode.GEMM]
    assert outcome.error < 0.02


def test_rare_large_values_take_a_high_and_a_low_part(graph, run, draw, rng):
    """As rows of one product."""
    x = draw(200, 64)
    x[::50, ::7] *= 300
    even = run(layer(rng, graph, (200,), 64, 16, before="Tanh"), {"x": x})
    assert products(even) == [200]  # a function with bounded values evens out everything
    outcome = run(layer(rng, graph, (200,), 64, 16), {"x": x})
    assert products(outcome) == [400]
    assert outcome.error < 0.01


def test_a_result_of_few_rows_is_fine(graph, run, draw, rng):
    outcome = run(layer(rng, graph, (2,), 64, 16), {"x": draw(2, 64)})
    assert products(outcome) == [4]
    assert outcome.error < 0.007


def test_readers_of_one_value_share_its_integers(graph, run, draw):
    g = graph()
    x = g.node("Relu", [g.input("x", [30, 32])], [30, 32])
    outputs = [
        g.node("Linear", [x, g.constant(draw(16, 32))], [30, 16], ours=True, overload="no_bias") for _ in range(3)
    ]
    outcome = run(g.model(*outputs), {"x": draw(30, 32)})
    assert commands(outcome) == [Opcode.VECTOR] + [Opcode.GEMM] * 3
    assert outcome.error < 0.02


def test_a_stored_range_never_clips_by_more_than_its_headroom(graph, run, draw, rng):
    """Rows that calibration did not see, as large as any that it saw, keep their precision."""
    x = draw(400, 48)
    outcome = run(
        layer(rng, graph, (40,), 48, 24), {"x": x[:40]}, calibration=[{"x": part} for part in np.split(x, 10)[1:]]
    )
    assert outcome.error < 0.025
