"""For the tests of the passes: models from text or from PyTorch, and a run of all passes that compares after each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import numpy_helper, parser

from gatewright.compiler.bindings import Bindings
from gatewright.compiler.load import read_model
from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.passes import run

TOLERANCE = 1e-5  # of the largest magnitude of an output


def execute(model: onnx.ModelProto, feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    # onnxruntime's optimisations may quantise the inputs of products with integer weights
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(feed))


def equal(found: Sequence[np.ndarray], expected: Sequence[np.ndarray], tolerance: float = TOLERANCE) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1.0, float(np.abs(other).max())))


@dataclass
class Canonical:
    """A model behind the passes."""

    model: ir.Model
    changed: dict[str, bool]

    @property
    def nodes(self) -> list[ir.Node]:
        return list(self.model.graph)

    @property
    def operators(self) -> dict[str, int]:
        """How many nodes of each operator there are, those of domain gatewright with a dot in front."""
        return dict(Counter(("." if node.domain == DOMAIN else "") + node.op_type for node in self.model.graph))

    def one(self, op_type: str) -> ir.Node:
        (node,) = [node for node in self.model.graph if node.op_type == op_type]
        return node

    def attribute(self, op_type: str, name: str):
        return self.one(op_type).attributes[name].value


@pytest.fixture(scope="session")
def text_model():
    """``text_model("float[2,3] x", "float[2,3] y", "y = Add(x, c)", c=array)``: constants are initializers."""

    def make(inputs: str, outputs: str, body: str, opset: int = 18, domains: str = "", **constants) -> onnx.ModelProto:
        header = f'<ir_version: 10, opset_import: ["": {opset}{domains}]>'
        model = parser.parse_model(f"{header} test ({inputs}) => ({outputs}) {{ {body} }}")
        for name, value in constants.items():
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return model

    return make


@pytest.fixture(scope="session")
def canonical():
    """Run all passes; after each, the model is valid and onnxruntime finds the same results.

    ``expected``: the results, where onnxruntime cannot run the model as it is; ``runs_after``: the pass from which on
    it can.
    """

    def bring(
        proto: onnx.ModelProto,
        feed: Mapping[str, np.ndarray],
        bindings: Bindings | None = None,
        expected: Sequence[np.ndarray] | None = None,
        runs_after: str | None = None,
        tolerance: float = TOLERANCE,
    ) -> Canonical:
        wanted = execute(proto, feed) if expected is None else expected
        waiting = runs_after is not None

        def compare(name: str, model: ir.Model) -> None:
            nonlocal waiting
            waiting &= name != runs_after
            changed = ir.to_proto(model)
            onnx.checker.check_model(changed)
            if not waiting:
                equal(execute(changed, feed), wanted, tolerance)

        model = read_model(proto)
        changed: dict[str, bool] = {}
        for name, done in run(model, bindings, compare):
            changed[name] = changed.get(name, False) or done
        assert not waiting
        names = [node.name for node in model.graph]
        assert all(names)
        assert len(set(names)) == len(names)
        return Canonical(model, changed)

    return bring
