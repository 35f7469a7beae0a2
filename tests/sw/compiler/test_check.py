"""What a check says of a model before it is compiled, and that compiling then agrees."""

import numpy as np
import onnx_ir as ir
import pytest

import gatewright
from gatewright.compiler.check import check_model
from gatewright.compiler.errors import CompileError
from gatewright.compiler.remedies import remedy
from gatewright.spec.errors import SpecError


def branched(g):
    """A layer, a running sum in its way, a layer; and one beside them."""
    weight = np.eye(16, dtype=np.float32)
    x = g.node("MatMul", [g.input("x", [4, 16]), g.constant(weight)], [4, 16])
    summed = g.node("CumSum", [g.node("Tanh", [x], [4, 16]), g.constant(np.int64(1))], [4, 16])
    return g.model(g.node("Add", [g.node("MatMul", [summed, g.constant(weight)], [4, 16]), x], [4, 16]))


def positions(g):
    """Positions that are counted from a mask: on the host, before the one doorbell."""
    counted = g.node("CumSum", [g.input("mask", [1, 8], np.int64), g.constant(np.int64(1))], [1, 8], dtype=np.int64)
    table = g.constant(np.ones((12, 16), np.float32))
    return g.model(g.node("Tanh", [g.node("Gather", [table, counted], [1, 8, 16])], [1, 8, 16]))


def wide(g):
    """A row that the configuration cannot hold."""
    gain = np.ones(5000, np.float32)
    x = g.node(
        "LayerNorm", [g.input("x", [3, 5000]), g.constant(gain), g.constant(gain)], [3, 5000], ours=True, epsilon=1e-5
    )
    return g.model(g.node("Tanh", [x], [3, 5000]))


def quotient(g):
    """A divisor that is 0 where a Relu says so."""
    x = g.input("x", [4, 16])
    return g.model(g.node("Div", [g.node("Neg", [x], [4, 16]), g.node("Relu", [x], [4, 16])], [4, 16]))


def masked(g):
    x, mask = g.input("x", [2, 8, 24]), g.input("mask", [2, 8], bool)
    return g.model(
        g.node("Attention", [x, x, x, mask], [2, 8, 24], ours=True, overload="masked", heads=3, causal=0, scale=0.3)
    )


def host_alone(g):
    return g.model(g.node("CumSum", [g.input("x", [4, 16]), g.constant(np.int64(1))], [4, 16]))


MODELS = {
    each.__name__: (each, doorbells)
    for each, doorbells in ((branched, 2), (positions, 1), (wide, 1), (quotient, 1), (masked, 1), (host_alone, 0))
}


@pytest.mark.parametrize("name", MODELS)
def test_compiling_agrees(name, graph, agrees):
    build, doorbells = MODELS[name]
    model = build(graph())
    assert check_model(model, config="tiny").doorbells == doorbells
    agrees(model, gatewright.compile(model, config="tiny"))


def test_buckets_and_capacities(graph, agrees):
    g = graph()
    x = g.input("x", ["edges", 16])
    model = g.model(
        g.node("Tanh", [g.node("MatMul", [x, g.constant(np.eye(16, dtype=np.float32))], ["edges", 16])], ["edges", 16])
    )
    for options in ({"buckets": {"edges": [8, 64]}}, {"capacity": {"edges": 1000}}):
        agrees(model, gatewright.compile(model, config="tiny", **options), **options)
    small, large = check_model(model, config="tiny", buckets={"edges": [64, 8]}).variants
    assert (small.dims, large.dims) == ({"edges": 8}, {"edges": 64})
    assert 0 < small.min_cycles < large.min_cycles
    with pytest.raises(CompileError, match="input x, axis 0: the size is dynamic"):
        check_model(model)
    with pytest.raises(CompileError, match="bucket edges has sizes"):
        check_model(model, buckets={"edges": [0]})
    with pytest.raises(SpecError, match="config"):
        check_model(model, config="none")


def test_what_splits_a_model_comes_with_a_remedy(graph):
    (variant,) = check_model(branched(graph()), config="tiny").variants
    by_operator = {node.operator: node for node in variant.nodes}
    (split,) = [node for node in variant.nodes if node.splits]
    assert (split.operator, split.on_fabric, split.why) == ("CumSum", False, "the fabric has no operator CumSum")
    assert "depend on inputs of the model alone" in split.remedy
    assert by_operator["gatewright.Linear"].commands > 0
    assert variant.min_cycles == sum(node.min_cycles for node in variant.nodes) > 0
    assert [node.step for node in variant.nodes] == sorted(node.step for node in variant.nodes)


def test_what_does_not_split_needs_no_remedy(graph):
    (variant,) = check_model(positions(graph()), config="tiny").variants
    assert [node.operator for node in variant.nodes if not node.on_fabric] == ["gatewright.host.indices_of_mask_0"]
    assert not any(node.splits or node.remedy for node in variant.nodes)


REMEDIES = {
    "If": "export without control flow",
    "TopK": "choose among the results on the host",
    "IsNaN": "the accelerator has no infinity",
    "ScatterND": "gatewright.CsrMatMul",
    "Det": "write it with operators that the accelerator has",
}


@pytest.mark.parametrize("operator", REMEDIES)
def test_remedies_by_operator(operator):
    assert REMEDIES[operator] in remedy(ir.node(operator, [None]))


def test_a_divisor_that_calibration_may_find_to_be_zero(graph, agrees):
    g = graph()
    model = g.model(g.node("Div", [g.input("x", [4, 16]), g.input("y", [4, 16])], [4, 16]))
    (variant,) = check_model(model, config="tiny").variants
    (node,) = variant.nodes
    assert node.on_fabric
    assert node.why == "runs on the host if calibration finds that y can be 0"
    agrees(model, gatewright.compile(model, config="tiny"))  # synthetic inputs have both signs


def test_a_model_that_needs_too_much_memory(graph):
    with pytest.raises(CompileError, match=r"the program needs .* bytes of device memory"):
        check_model(branched(graph()), config="tiny", memory_bytes=64)


def test_it_is_the_packages(graph):
    found = gatewright.check(positions(graph()), config="tiny", name="mine")
    assert (found.name, found.doorbells) == ("mine", 1)
    assert found.config.name == "tiny"
