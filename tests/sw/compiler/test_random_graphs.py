"""Random small graphs over twelve decades: on inputs that calibration has not seen the program is near ONNX Runtime, or
the compiler has warned. Nothing is wrong in silence."""

import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import AccuracyWarning

BOUND = 0.05
"""Relative root mean square error of an output."""

CALIBRATION = 16
"""Inputs that set the ranges."""

UNARY = ("Abs", "Elu", "Erf", "Exp", "Gelu", "Neg", "Reciprocal", "Relu", "Sigmoid", "Softplus", "Tanh")
BINARY = ("Add", "Div", "Max", "Min", "Mul", "Sub")
REDUCTIONS = ("ReduceMax", "ReduceMean", "ReduceSum")
COMPOSED = ("inverse root", "log", "log with epsilon", "root", "square")
ROW_WISE = ("L2 norm", "LayerNormalization", "RMS norm", "Softmax")
PRODUCTS = ("constant product", "product")
OPERATORS = (*UNARY, *(2 * BINARY), *(f"{each} constant" for each in BINARY), *COMPOSED)
OPERATORS = (*OPERATORS, *(2 * ROW_WISE), *(2 * REDUCTIONS), *(3 * PRODUCTS))

SPREADS = ("normal", "positive", "columns", "rows", "single", "sparse")


class Model:
    """A model under construction: what was made last, of shape [rows, columns], is its output."""

    def __init__(self, rows, columns, inputs):
        self.nodes, self.constants = [], []
        self.values = {f"x{index}": (rows, columns) for index in range(inputs)}
        self.inputs = list(self.values)

    def constant(self, array):
        self.constants.append(numpy_helper.from_array(np.asarray(array), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def real(self, number):
        return self.constant(np.float32(number))

    def node(self, operator, *operands, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, operands, [name], name=f"{operator}_{name}", **attributes))
        return name

    def last_axis(self, operator, x):
        return self.node(operator, x, self.constant(np.array([-1])), keepdims=1)

    def add(self, operator, x, other, rng):
        """Another operator of ``x``, and of ``other`` if it takes two; nothing where the shapes do not fit."""
        (rows, cols), wanted = self.values[x], self.values[other]
        kind, _, constant = operator.partition(" ")
        if constant == "constant" and kind in BINARY:
            y = self.node(kind, x, self.real(rng.normal() * 10.0 ** rng.integers(-3, 4)))
        elif operator in BINARY:
            if any(a != b and 1 not in (a, b) for a, b in zip((rows, cols), wanted, strict=True)):
                return
            y, (rows, cols) = self.node(operator, x, other), np.broadcast_shapes((rows, cols), wanted)
        elif operator in REDUCTIONS:
            y, cols = self.last_axis(operator, x), 1
        elif operator == "constant product":
            weight = rng.normal(size=(cols, 8)) * 10.0 ** rng.integers(-2, 3)
            y, cols = self.node("MatMul", x, self.constant(weight.astype(np.float32))), 8
        elif operator == "product":
            if wanted[1] != cols:
                return
            y, cols = self.node("MatMul", x, self.node("Transpose", other, perm=[1, 0])), wanted[0]
        else:
            y = self.one(operator, x, cols, rng)
        self.values[y] = (int(rows), int(cols))

    def one(self, operator, x, cols, rng):
        """An operator of one operand that keeps its shape."""
        if operator == "Softmax":
            return self.node(operator, x, axis=-1)
        if operator == "LayerNormalization":
            gain, bias = (self.constant(rng.normal(size=cols).astype(np.float32)) for _ in range(2))
            return self.node(operator, x, gain, bias, axis=-1)
        if operator == "RMS norm":
            mean = self.last_axis("ReduceMean", self.node("Pow", x, self.real(2)))
            return self.node("Div", x, self.node("Sqrt", self.node("Add", mean, self.real(1e-6))))
        if operator == "L2 norm":
            return self.node("Div", x, self.node("Max", self.last_axis("ReduceL2", x), self.real(1e-12)))
        if operator == "square":
            return self.node("Pow", x, self.real(2))
        if operator in UNARY:
            return self.node(operator, x)
        size = self.node("Abs", x)
        if operator == "inverse root":
            return self.node("Pow", size, self.real(-0.5))
        if operator == "root":
            return self.node("Sqrt", size)
        return self.node("Log", self.node("Add", size, self.real(1e-6)) if operator == "log with epsilon" else size)

    def proto(self):
        used = {name for node in self.nodes for name in node.input}
        inputs = [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, self.values[name])
            for name in self.inputs
            if name in used
        ]
        output = [onnx.ValueInfoProto(name=self.nodes[-1].output[0])]
        graph = helper.make_graph(self.nodes, "random", inputs, output, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        return onnx.shape_inference.infer_shapes(model)


@st.composite
def graphs(draw):
    """A model, and what draws its input of a given number."""
    rows, columns = draw(st.integers(2, 12)), draw(st.sampled_from([4, 8, 16, 24, 33]))
    spreads = draw(st.lists(st.tuples(st.sampled_from(SPREADS), st.integers(-6, 6)), min_size=1, max_size=3))
    number = draw(st.integers(0, 1 << 31))
    rng = np.random.default_rng(number)
    model = Model(rows, columns, len(spreads))
    chosen = st.tuples(st.sampled_from(OPERATORS), st.booleans(), st.integers(0, 99), st.integers(0, 99))
    for operator, last, first, second in draw(st.lists(chosen, min_size=1, max_size=6)):
        names = list(model.values)
        model.add(operator, names[-1] if last else names[first % len(names)], names[second % len(names)], rng)
    if not model.nodes:
        model.add("Relu", "x0", "x0", rng)
    scales = 10 ** rng.uniform(-6, 6, columns)

    def feed(turn):
        values = np.random.default_rng([number, turn])
        drawn = (_draw(spread, 10.0**power, (rows, columns), scales, values) for spread, power in spreads)
        proto_inputs = {value.name for value in proto.graph.input}
        return {name: x for name, x in zip(model.inputs, drawn, strict=True) if name in proto_inputs}

    proto = model.proto()
    return proto, feed


def _draw(spread, scale, shape, scales, rng):
    """Normal numbers of one scale, or of one per column, row or element."""
    z = rng.normal(size=shape)
    x = {
        "normal": lambda: z * scale,
        "positive": lambda: np.abs(z) * scale,
        "columns": lambda: z * scales,
        "rows": lambda: z * 10 ** rng.uniform(-6, 6, (shape[0], 1)),
        "single": lambda: np.sign(z) * 10 ** rng.uniform(-6, 6, shape),
        "sparse": lambda: z * scale * (rng.random(shape) < 0.3),
    }[spread]()
    return x.astype(np.float32)


def relative(found, right):
    """Of what is finite; infinite where only one is."""
    finite = np.isfinite(right)
    if not np.array_equal(finite, np.isfinite(found)):
        return np.inf
    off, size = (
        np.square(each[finite], dtype=np.float64).sum() for each in (found - np.where(finite, right, 0), right)
    )
    return float(np.sqrt(off / size)) if size else np.inf if off else 0.0


def wrong_in_silence(graph):
    """Whether an input that calibration has not seen is off by more than the bound, and the compiler has not warned."""
    model, feed = graph
    session = onnxruntime.InferenceSession(model.SerializeToString())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        program = compile_model(model, config="tiny", calibration=[feed(turn) for turn in range(1, CALIBRATION + 1)])
    if any(issubclass(each.category, AccuracyWarning) for each in said):
        return False
    with Accelerator("tiny", "golden") as accelerator, accelerator.load(program) as loaded:
        (found,) = loaded(**feed(0)).values()
    (right,) = session.run(None, feed(0))
    return not relative(found, right) < BOUND


@settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_no_graph_is_wrong_in_silence(graph):
    assert not wrong_in_silence(graph)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(10))
def test_many_more(start):
    """But for two in a hundred: what is larger than all in 16 inputs saturates, and none of them tells of it.

    Graphs of the same operators count once, since hypothesis tries what it has drawn with small changes.
    """
    wrong = set()

    @seed(start)
    @settings(
        max_examples=300,
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs())
    def campaign(graph):
        if wrong_in_silence(graph):
            wrong.add(tuple(node.op_type for node in graph[0].graph.node))

    campaign()
    assert len(wrong) <= 6, wrong
