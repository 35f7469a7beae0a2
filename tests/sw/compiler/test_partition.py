"""Models with operators that the fabric lacks: they run on the host, between steps of the fabric, and say so."""

import numpy as np
import onnx
import pytest
from onnx import helper, parser

from gatewright.compiler.errors import CompileError
from gatewright.program.compiled import FabricStep, HostStep


def kinds(outcome):
    return ["fabric" if isinstance(step, FabricStep) else "host" for step in outcome.steps]


def test_one_foreign_operator_makes_three_steps(graph, run, draw):
    g = graph()
    x = g.node("Tanh", [g.input("x", [4, 16])], [4, 16])
    cumulated = g.node("CumSum", [x, g.constant(np.int64(1))], [4, 16])
    outcome = run(g.model(g.node("Sigmoid", [cumulated], [4, 16])), {"x": draw(4, 16)})
    assert kinds(outcome) == ["fabric", "host", "fabric"]
    host = outcome.steps[1]
    assert host.nodes == ("node_cumsum1",)
    (reason,) = host.reasons
    assert reason.startswith("the fabric has no operator CumSum (costs: ")
    assert reason.endswith("2 values of 512 bytes cross between host and fabric, and the fabric is rung once more)")
    assert outcome.error < 1e-3


def test_a_model_without_foreign_operators_is_one_step(graph, run, draw):
    g = graph()
    x = g.input("x", [4, 16])
    model = g.model(g.node("Add", [g.node("Tanh", [x], [4, 16]), g.node("Sigmoid", [x], [4, 16])], [4, 16]))
    assert kinds(run(model, {"x": draw(4, 16)})) == ["fabric"]


def test_what_does_not_depend_on_the_host_does_not_wait_for_it(graph, run, draw):
    """Two branches, one with foreign operators in its midst: the other one's nodes run in the first step."""
    g = graph()
    x = g.input("x", [4, 16])
    negative = g.node("Neg", [x], [4, 16])
    left = g.node("Tanh", [g.node("CumSum", [negative, g.constant(np.int64(0))], [4, 16])], [4, 16])
    right = g.node("Exp", [g.node("Sigmoid", [x], [4, 16])], [4, 16])
    outcome = run(g.model(g.node("Mul", [left, right], [4, 16])), {"x": draw(4, 16)})
    assert kinds(outcome) == ["fabric", "host", "fabric"]
    assert [layer.operator for layer in outcome.steps[0].layers] == ["Neg", "Sigmoid", "Exp"]
    assert outcome.error < 1e-3


def test_what_the_host_makes_of_inputs_alone_comes_before_the_one_doorbell(graph, run, draw, rng):
    """Positions counted from a mask, as RoBERTa and OPT do, beside a layer that needs none of them."""
    g = graph()
    table, places = g.constant(draw(20, 16)), g.constant(draw(12, 16))
    counted = g.node("CumSum", [g.input("mask", [1, 8], np.int64), g.constant(np.int64(1))], [1, 8], dtype=np.int64)
    words = g.node("Tanh", [g.node("Gather", [table, g.input("ids", [1, 8], np.int64)], [1, 8, 16])], [1, 8, 16])
    model = g.model(g.node("Add", [words, g.node("Gather", [places, counted], [1, 8, 16])], [1, 8, 16]))
    feed = {"mask": np.array([[1, 1, 1, 1, 1, 0, 0, 0]]), "ids": rng.integers(0, 20, (1, 8))}
    outcome = run(model, feed)
    assert kinds(outcome) == ["host", "fabric"]
    assert outcome.error < 1e-3


def test_several_outputs_and_functions_on_the_host(graph, run, draw):
    g = graph()
    x = g.input("x", [3, 5000])
    wide = g.node("LayerNorm", [x, g.constant(draw(5000)), g.constant(draw(5000))], [3, 5000], ours=True, epsilon=1e-5)
    outcome = run(g.model(wide, g.node("Tanh", [wide], [3, 5000])), {"x": draw(3, 5000)})
    assert kinds(outcome) == ["host", "fabric"]
    assert outcome.reasons[0].startswith("a row has 5000 columns, allowed at most 512")
    assert outcome.error < 1e-3


def test_bodies_of_control_flow_read_values_around_them(graph, run, draw):
    """An If on the host whose branches read a value of the fabric that is no operand of the If."""
    g = graph()
    y = g.node("Tanh", [g.input("x", [4, 16])], [4, 16])
    branches = []
    for operator in ("Neg", "Abs"):
        result = helper.make_tensor_value_info(operator, onnx.TensorProto.FLOAT, [4, 16])
        branches.append(helper.make_graph([helper.make_node(operator, [y], [operator])], operator, [], [result]))
    chosen = g.node("If", [g.input("flag", [], bool)], [4, 16], then_branch=branches[0], else_branch=branches[1])
    model = g.model(g.node("Exp", [chosen], [4, 16]))
    feed = {"x": draw(4, 16), "flag": np.array(True)}
    outcome = run(model, feed)
    assert kinds(outcome) == ["fabric", "host", "fabric"]
    assert outcome.error < 1e-3


def test_a_model_wholly_on_the_host(graph, run, draw):
    g = graph()
    outcome = run(
        g.model(g.node("CumSum", [g.input("x", [4, 16]), g.constant(np.int64(1))], [4, 16])), {"x": draw(4, 16)}
    )
    assert [type(step) for step in outcome.steps] == [HostStep]
    assert outcome.error == 0


@pytest.mark.parametrize("operator", ["Relu", "CumSum"])
def test_an_output_that_folding_makes_constant(graph, run, operator, draw):
    g = graph()
    x = g.input("x", [4, 16])
    folded = g.node("Add", [g.constant(draw(2, 3)), g.constant(draw(2, 3))], [2, 3])
    y = g.node(operator, [x] if operator == "Relu" else [x, g.constant(np.int64(0))], [4, 16])
    outcome = run(g.model(y, folded), {"x": draw(4, 16)})
    assert outcome.error < 1e-3


SEQUENCES = """<ir_version: 8, opset_import: ["": 18]> g (float[4, 16] x, float[4, 16] y, int64 i) => (float[4, 16] z) {
  both = SequenceConstruct(x, y)
  first = SequenceAt(both, i)
  %s
  z = Neg(last)
}"""


def test_a_sequence_stays_in_a_step_of_the_host(run, draw):
    model = parser.parse_model(SEQUENCES % "more = SequenceInsert(both, first) last = SequenceAt(more, i)")
    outcome = run(model, {"x": draw(4, 16), "y": draw(4, 16), "i": np.array(1)})
    assert kinds(outcome) == ["host", "fabric"]
    assert outcome.error < 1e-3


def test_a_sequence_between_steps_is_refused(run, draw):
    model = parser.parse_model(SEQUENCES % "r = Relu(first) more = SequenceInsert(both, r) last = SequenceAt(more, i)")
    with pytest.raises(CompileError, match=r"both is a SequenceType that .* takes from another one"):
        run(model, {"x": draw(4, 16), "y": draw(4, 16), "i": np.array(1)})
