"""For the compiler's tests: small models from a few lines; their results on the golden model beside ONNX Runtime's."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from gatewright import Accelerator
from gatewright.compiler.check import check_model
from gatewright.compiler.compile import compile_model
from gatewright.compiler.operators import DOMAIN, add_functions
from gatewright.program.compiled import CompiledProgram, FabricStep, HostStep

SETTLED = 16
"""Times that an input is given for calibration where it is the only one there will be."""


class Graph:
    """A model under construction; values are known by their names."""

    def __init__(self, opset: int = 20) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.values: dict[str, onnx.ValueInfoProto] = {}
        self.constants: list[onnx.TensorProto] = []

    def input(self, name: str, shape: Sequence[int | str], dtype: Any = np.float32) -> str:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, array: Any) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], shape: Sequence[int | str], **attributes: Any) -> str:
        """An operator of the standard domain, or with ``ours`` of gatewright's; its result is float of ``shape``."""
        domain = DOMAIN if attributes.pop("ours", False) else ""
        overload = attributes.pop("overload", "")
        dtype = attributes.pop("dtype", np.float32)
        name = f"{operator.lower()}{len(self.nodes)}"
        node = helper.make_node(operator, inputs, [name], name=f"node_{name}", domain=domain, **attributes)
        node.overload = overload
        self.nodes.append(node)
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.values[name] = helper.make_tensor_value_info(name, kind, shape)
        return name

    def split(self, value: str, count: int, shape: Sequence[int]) -> list[str]:
        """Equal parts of a value along its last axis, float of ``shape`` each."""
        names = [f"split{len(self.nodes)}_{index}" for index in range(count)]
        self.nodes.append(
            helper.make_node("Split", [value], names, name=f"node_{names[0]}", axis=-1, num_outputs=count)
        )
        self.values |= {name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in names}
        return names

    def model(self, *outputs: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "test",
            self.inputs,
            [self.values[name] for name in outputs],
            self.constants,
            value_info=[info for name, info in self.values.items() if name not in outputs],
        )
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(DOMAIN, 1)]
        model = ir.serde.deserialize_model(helper.make_model(graph, opset_imports=opsets, ir_version=10))
        add_functions(model)
        return ir.serde.serialize_model(model)


@dataclass
class Outcome:
    """What came out of a program, and what ONNX Runtime says."""

    program: CompiledProgram
    found: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]

    @property
    def steps(self) -> tuple[FabricStep | HostStep, ...]:
        return self.program.variants[0].steps

    @property
    def reasons(self) -> list[str]:
        """Why nodes run on the host, without what that costs."""
        return [
            reason.split(" (costs: ")[0] for step in self.steps if isinstance(step, HostStep) for reason in step.reasons
        ]

    @property
    def worst(self) -> float:
        """The largest error of an element, over the largest magnitude of its output."""
        pairs = [(self.found[name], value) for name, value in self.expected.items()]
        return max(float(np.abs(found - value).max() / np.abs(value).max()) for found, value in pairs)

    @property
    def error(self) -> float:
        """The largest relative root mean square error of the outputs."""
        return max(relative(self.found[name], value) for name, value in self.expected.items())


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    size = float(np.sqrt(np.square(expected, dtype=np.float64).mean()))
    return float(np.sqrt(np.square(found.astype(np.float64) - expected).mean())) / (size or 1.0)


def golden(program: CompiledProgram, feed: Mapping[str, np.ndarray], backend: str = "golden") -> dict[str, np.ndarray]:
    with Accelerator(program.config, backend) as accelerator, accelerator.load(program) as loaded:
        return loaded(**feed)


def onnx_runtime(model: onnx.ModelProto, feed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feed)), strict=True))


CALIBRATED = (
    "for a calibration input",  # is infinite or NaN
    "can be 0, where",
    "(rms) in the fabric's formats",
    "its rounding would make",
    "softmax of numbers up to",
    "the scale of an output record is",
)
"""What reasons say that follow from the numbers that calibration saw."""


@pytest.fixture(scope="session")
def agrees():
    """Hold `check_model` to a program that was compiled of the same model with the same options: the same nodes on the
    host for the same reasons, the same steps, and as many commands or less where calibration has had no say."""

    def compare(model: onnx.ModelProto, program: CompiledProgram, **options: Any) -> None:
        found = check_model(model, config=program.config, **options)
        for variant, checked in zip(program.variants, found.variants, strict=True):
            hosts = [step for step in variant.steps if isinstance(step, HostStep)]
            reasons = [
                (node, reason.split(" (costs: ")[0])
                for step in hosts
                for node, reason in zip(step.nodes, step.reasons, strict=True)
            ]
            moved = {node for node, reason in reasons if any(each in reason for each in CALIBRATED)}
            foreseen = {node.name: node.why for node in checked.nodes if not node.on_fabric}
            assert {node: reason for node, reason in reasons if node not in moved} == {
                node: why for node, why in foreseen.items() if node not in moved
            }
            if moved <= set(foreseen):
                kinds = ["host" if isinstance(step, HostStep) else "fabric" for step in variant.steps]
                where = {node.step: "fabric" if node.on_fabric else "host" for node in checked.nodes}
                assert [where[step] for step in sorted(where)] == kinds
                assert checked.doorbells == kinds.count("fabric")

    return compare


@pytest.fixture
def draw(rng):
    """Standard normal numbers, float32 of a shape."""
    return lambda *shape: rng.normal(size=shape).astype(np.float32)


@pytest.fixture(scope="session")
def graph():
    """The class of models under construction."""
    return Graph


@pytest.fixture(scope="session")
def run():
    """Compile a model, run it on the golden model for ``feed``: an :class:`Outcome`. Options are the compiler's."""

    def on_golden(
        model: onnx.ModelProto, feed: Mapping[str, np.ndarray], config: str = "tiny", **options: Any
    ) -> Outcome:
        options.setdefault("calibration", [feed] * SETTLED)
        program = compile_model(model, config=config, **options)
        return Outcome(program, golden(program, feed), onnx_runtime(model, feed))

    return on_golden


@pytest.fixture(scope="session")
def apply(run):
    """Run one standard operator on arrays; the compiler knows those in ``constant``, by index: an :class:`Outcome`."""

    def on_golden(
        operator: str,
        *operands: np.ndarray,
        constant: Sequence[int] = (),
        outputs: int = 1,
        opset: int = 21,
        config: str = "tiny",
        **attributes: Any,
    ) -> Outcome:
        names = [f"x{index}" for index in range(len(operands))]
        tensors = [numpy_helper.from_array(np.asarray(operands[index]), names[index]) for index in constant]
        declared = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for index, (name, array) in enumerate(zip(names, operands, strict=True))
            if index not in constant
        ]
        results = [onnx.ValueInfoProto(name=f"y{index}") for index in range(outputs)]
        node = helper.make_node(operator, names, [each.name for each in results], name="node", **attributes)
        graph = helper.make_graph([node], "test", declared, results, tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        given = enumerate(zip(names, operands, strict=True))
        feed = {name: array for index, (name, array) in given if index not in constant}
        return run(model, feed, config)

    return on_golden


@pytest.fixture(scope="session")
def export():
    """A module as PyTorch's exporter writes it; inputs by name."""
    torch = pytest.importorskip("torch")

    def write(module, inputs: Mapping[str, object], opset: int = 18, dynamic=None) -> onnx.ModelProto:
        for name in ("torch.onnx", "onnxscript"):
            logging.getLogger(name).setLevel(logging.ERROR)
        module.eval()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                tuple(inputs.values()),
                input_names=list(inputs),
                output_names=["output"],
                opset_version=opset,
                dynamic_shapes=dynamic,
                dynamo=True,
                verbose=False,
            )
        return program.model_proto

    return write
