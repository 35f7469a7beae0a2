"""What calibration remembers of a model's values."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import CompileError
from gatewright.compiler.passes.quantised import RANGE
from gatewright.compiler.quantisation.calibrate import calibrate, synthetic
from gatewright.compiler.quantisation.headroom import HEADROOM
from gatewright.compiler.quantisation.hidden_rows import hidden_by


def of(graph, *outputs):
    return ir.serde.deserialize_model(graph.model(*outputs))


def encoder(rng, graph, last=None):
    """A layer in front of attention and a mean, both masked; ``last`` makes a value another output."""
    g = graph()
    x, mask = g.input("x", [2, 5, 16]), g.input("mask", [2, 5], bool)
    weight = g.constant(rng.normal(size=(16, 16)).astype(np.float32))
    q = g.node("Linear", [x, weight], [2, 5, 16], ours=True, overload="no_bias")
    options = {"heads": 2, "causal": 0, "scale": 0.3}
    mixed = g.node("Attention", [q, q, q, mask], [2, 5, 16], ours=True, overload="masked", **options)
    joined = g.node("Add", [mixed, x], [2, 5, 16])
    pooled = g.node("MeanPool", [joined, mask], [2, 16], ours=True)
    return of(g, pooled, *([joined] if last else []))


def test_ranges_are_those_of_all_inputs(graph, rng):
    g = graph()
    model = of(g, g.node("Neg", [g.input("x", [4, 3])], [4, 3]))
    feeds = [{"x": rng.normal(size=(4, 3)).astype(np.float32)} for _ in range(5)]
    rows = np.concatenate([feed["x"] for feed in feeds])
    found = calibrate(model, feeds)
    np.testing.assert_allclose(found["x"].low, rows.min(0))
    np.testing.assert_allclose(found["neg0"].high, -rows.min(0))
    np.testing.assert_allclose(found["neg0"].columns, np.abs(rows).max(0))
    assert len(found["x"].sample) == 20


def test_settled_inputs_leave_no_room_for_a_heavy_tail(graph):
    g = graph()
    model = of(g, g.node("Neg", [g.input("x", [4, 3])], [4, 3]))
    feeds = [{"x": np.full((4, 3), 1.5**power, np.float32)} for power in range(16)]
    assert calibrate(model, feeds)["x"].headroom > 4
    assert calibrate(model, feeds, settled=True)["x"].headroom == HEADROOM


def test_a_mask_hides_rows_that_no_output_depends_on(graph, rng):
    assert hidden_by(encoder(rng, graph)) == dict.fromkeys(["x", "linear0", "attention1", "add2"], ("mask", False))
    assert not hidden_by(encoder(rng, graph, last=True))


def test_hidden_rows_do_not_count(graph, rng):
    x = rng.normal(size=(2, 5, 16)).astype(np.float32)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    x[0, 3:] = 1e5
    found = calibrate(encoder(rng, graph), [{"x": x, "mask": mask}])
    assert found["x"].largest < 10
    assert len(found["x"].sample) == 8
    assert calibrate(encoder(rng, graph, last=True), [{"x": x, "mask": mask}])["x"].largest == 1e5


def test_a_range_that_the_model_states_counts_alone(graph):
    g = graph()
    model = of(g, g.node("Relu", [g.node("Neg", [g.input("x", [4, 3])], [4, 3])], [4, 3]))
    for value in (model.graph.inputs[0], next(iter(model.graph)).outputs[0]):
        value.metadata_props[RANGE] = "-0.5,2.0"
    found = calibrate(model, [{"x": np.ones((4, 3), np.float32)}])
    for name in ("x", "neg0"):
        assert (found[name].low == -0.5).all()
        assert (found[name].high == 2.0).all()


def test_inputs_that_do_not_fit_are_refused(graph):
    g = graph()
    model = of(g, g.node("Relu", [g.input("x", [4, 3])], [4, 3]))
    with pytest.raises(CompileError, match="calibration input refused"):
        calibrate(model, [{"x": np.ones((4, 2), np.float32)}])


def test_synthetic_inputs_are_valid(graph):
    g = graph()
    table = g.constant(np.ones((7, 4), np.float32))
    rows = g.node("Gather", [table, g.input("ids", ["n"], np.int64)], ["n", 4])
    model = of(g, g.node("Add", [rows, g.input("x", [4])], ["n", 4]))
    feeds = synthetic(model, {"n": 50})
    for feed in feeds:
        assert feed["ids"].shape == (50,)
        assert 0 <= feed["ids"].min() <= feed["ids"].max() < 7
    assert calibrate(model, feeds)["x"].largest > 0


def test_a_model_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setitem(calibrate.__globals__, "LONGEST_RUN", 0.2)  # whatever other tests have imported anew
    endless = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 20]> t (float[2] x) => (float[2] y) {
        n = Constant<value_int = 4611686018427387904>() go = Constant<value = bool {1}>()
        y = Loop(n, go, x) <body = b (int64 i, bool k, float[2] s) => (bool k2, float[2] s2)
                            { k2 = Identity(k) s2 = Add(s, s) }> }"""
    )
    with pytest.raises(CompileError, match=r"calibration input refused: ONNX Runtime has not ended after 0\.2 s"):
        compile_model(endless, config="tiny")
