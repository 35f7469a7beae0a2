"""The quantisation error of each node."""

import numpy as np

from gatewright.compiler.compile import compile_model
from gatewright.compiler.quantisation.measure import relative_error
from gatewright.program.compiled import FabricStep


def perceptron(rng, graph):
    g = graph()
    x = g.input("x", [20, 32])
    for _ in range(2):
        weight = g.constant(rng.normal(size=(32, 32)).astype(np.float32) / 6)
        x = g.node("Relu", [g.node("Linear", [x, weight], [20, 32], ours=True, overload="no_bias")], [20, 32])
    return g.model(g.node("Softmax", [x], [20, 32], axis=-1))


def errors(program):
    return {
        layer.node: layer.error
        for step in program.variants[0].steps
        if isinstance(step, FabricStep)
        for layer in step.layers
    }


def test_every_layer_has_its_error(graph, rng):
    x = rng.normal(size=(20, 32)).astype(np.float32)
    found = errors(compile_model(perceptron(rng, graph), config="tiny", calibration={"x": x}))
    assert set(found) == {"node_linear0", "node_relu1", "node_linear2", "node_relu3", "node_softmax4"}
    assert all(0 < error < 0.05 for error in found.values())


def test_the_program_is_the_same_as_without(graph, rng):
    model = perceptron(rng, graph)
    x = rng.normal(size=(20, 32)).astype(np.float32)
    plain, measured = (
        compile_model(model, config="tiny", calibration={"x": x}, max_error=choice) for choice in (np.inf, 0.05)
    )
    np.testing.assert_array_equal(plain.image, measured.image)
    assert all(np.isnan(error) for error in errors(plain).values())


def test_each_bucket_has_the_errors_of_the_largest(graph, rng):
    g = graph()
    x = g.input("x", ["n", 32])
    weight = g.constant(rng.normal(size=(32, 32)).astype(np.float32))
    model = g.model(g.node("Linear", [x, weight], ["n", 32], ours=True, overload="no_bias"))
    feed = {"x": rng.normal(size=(20, 32)).astype(np.float32)}
    program = compile_model(model, config="tiny", calibration=feed, buckets={"n": [8, 20]})
    found = [step.layers[0].error for variant in program.variants for step in variant.steps]
    assert found[0] == found[1] > 0
    assert program.variants[0].outputs[0].error == found[0]


def test_scores_may_be_integers():
    right = np.array([[1, 2, 3]])
    assert relative_error(right, right, scores=True) == 0.0
    assert relative_error(right + 1, right, scores=True) > 0.1
