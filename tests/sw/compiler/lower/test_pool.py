"""Mean over the rows that a mask keeps, and rows of length 1."""

import numpy as np
import pytest


def pool(graph, batch, rows, cols, dtype=np.int64):
    g = graph()
    operands = [g.input("x", [batch, rows, cols]), g.input("mask", [batch, rows], dtype)]
    return g.model(g.node("MeanPool", operands, [batch, cols], ours=True))


def inputs(rng, kept, rows, cols, dtype=np.int64):
    x = rng.normal(size=(len(kept), rows, cols)).astype(np.float32)
    return {"x": x, "mask": (np.arange(rows) < np.asarray(kept)[:, None]).astype(dtype)}


@pytest.mark.parametrize("dtype", [np.int64, bool, np.float32])
@pytest.mark.parametrize(("kept", "rows", "cols"), [((10,), 10, 64), ((1, 7, 12), 12, 100), ((3, 64), 64, 24)])
def test_mean_of_kept_rows(graph, run, kept, rows, cols, dtype, rng):
    outcome = run(pool(graph, len(kept), rows, cols, dtype), inputs(rng, kept, rows, cols, dtype))
    assert not outcome.reasons
    assert outcome.error < 0.01


def test_no_row_at_all_gives_zeros(graph, run, rng):
    feed = inputs(rng, (5, 0), 5, 16)
    outcome = run(pool(graph, 2, 5, 16), feed)
    (found,) = outcome.found.values()
    assert not found[1].any()
    assert outcome.error < 0.01


def test_hidden_rows_set_no_range(graph, run, rng):
    feed = inputs(rng, (4,), 8, 16)
    feed["x"][:, 4:] = 1e6
    assert run(pool(graph, 1, 8, 16), feed).error < 0.01


def test_too_many_rows_run_on_the_host(graph, run, rng):
    outcome = run(pool(graph, 1, 5000, 8), inputs(rng, (70,), 5000, 8))
    assert any("it has 5000 rows, allowed at most" in reason for reason in outcome.reasons)


@pytest.mark.parametrize("shape", [(1, 64), (5, 100), (2, 3, 24)])
def test_rows_of_length_one(graph, run, shape, rng):
    g = graph()
    model = g.model(g.node("L2Norm", [g.input("x", shape)], shape, ours=True, epsilon=1e-12))
    x = rng.normal(size=shape).astype(np.float32) * rng.uniform(0.1, 1, (*shape[:-1], 1)).astype(np.float32)
    outcome = run(model, {"x": x})
    assert not outcome.reasons
    assert outcome.error < 0.005


def test_a_row_of_zeros_stays_zero(graph, run):
    g = graph()
    model = g.model(g.node("L2Norm", [g.input("x", [2, 16])], [2, 16], ours=True, epsilon=1e-6))
    x = np.zeros((2, 16), np.float32)
    x[0] = 1
    (found,) = run(model, {"x": x}).found.values()
    assert not found[1].any()
    np.testing.assert_allclose(found[0], 0.25, rtol=1e-3)
