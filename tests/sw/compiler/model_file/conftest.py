"""A model of one layer, whose weights are all 7."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture
def layer() -> Callable[..., onnx.ModelProto]:
    def make(opset: int = 18, weight: np.ndarray | None = None) -> onnx.ModelProto:
        array = np.full((4, 3), 7, np.float32) if weight is None else weight
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"], name="layer")],
            "test",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
            [numpy_helper.from_array(array, "w")],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)

    return make
