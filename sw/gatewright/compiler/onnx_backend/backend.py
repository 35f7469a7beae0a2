"""ONNX's backend interface (:class:`onnx.backend.base.Backend`): a model runs on the accelerator's arithmetic.

The model is compiled at its first run, with that run's inputs as calibration. Inputs that the compiler must know
(scales, zero points, axes, shapes, slopes) become constants with the values of that run; later runs must bring the
same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.version_converter
from onnx import helper, numpy_helper
from onnx.backend.base import Backend, BackendRep

from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import CompileError
from gatewright.compiler.lower import load_rules
from gatewright.compiler.lower.rules import RULES
from gatewright.compiler.model_file.opset import upgraded
from gatewright.compiler.passes.spellings.standard import SpellStandard
from gatewright.compiler.quantisation.judge import MAX_ERROR
from gatewright.driver import Accelerator
from gatewright.program.compiled import CompiledProgram, HostStep

__all__ = ["GatewrightBackend", "GatewrightRep", "host_reasons", "prepare", "run_model", "run_node", "supports_device"]

Array = npt.NDArray[Any]

INPUTS = 16
"""Times that the first run's inputs are given for calibration: enough that no others are expected."""


class GatewrightRep(BackendRep):
    """A model that is compiled at its first run.

    Parameters
    ----------
    model : ONNX model.
    config : name of a shipped configuration.
    executor : backend of :class:`~gatewright.driver.Accelerator`: "golden", "rtl", "board" or "auto".
    all_on_fabric : refuse models of which the host would run a part.
    max_error : as of the compiler.

    Attributes
    ----------
    program : None until the first run.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        *,
        config: str = "pynq-z2",
        executor: str = "golden",
        all_on_fabric: bool = False,
        max_error: float = MAX_ERROR,
    ) -> None:
        self._model, self._config, self._executor, self._all_on_fabric = model, config, executor, all_on_fabric
        self._max_error = max_error
        self._constants: dict[str, Array] = {}
        self.program: CompiledProgram | None = None

    def run(self, inputs: Mapping[str, Any] | Sequence[Any], **_: Any) -> tuple[Array, ...]:
        """Outputs in the model's order, for inputs by name or in the model's order.

        Raises :class:`CompileError` for a model that cannot be compiled (or not wholly, with ``all_on_fabric``), for a
        wrong number of inputs, and for one that was made a constant and is another one now.
        """
        feeds = self._named(inputs)
        if self.program is None:
            self.program = self.compile(feeds)
        for name, value in self._constants.items():
            if not np.array_equal(value, feeds[name]):
                raise CompileError(
                    f"input {name!r} was made a constant at the first run, allowed: the same value again"
                )
        given = {name: value for name, value in feeds.items() if name not in self._constants}
        with (
            Accelerator(config=self._config, backend=self._executor) as accelerator,
            accelerator.load(self.program) as loaded,
        ):
            outputs = loaded(**given)
        return tuple(outputs[value.name] for value in self._model.graph.output)

    def _named(self, inputs: Mapping[str, Any] | Sequence[Any]) -> dict[str, Array]:
        known = {tensor.name for tensor in self._model.graph.initializer}
        names = [value.name for value in self._model.graph.input if value.name not in known]
        if not isinstance(inputs, Mapping):
            given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            if len(given) != len(names):
                raise CompileError(f"the model takes {len(names)} inputs, {len(given)} were given")
            inputs = dict(zip(names, given, strict=True))
        missing = [name for name in names if name not in inputs]
        if missing:
            raise CompileError(f"input {missing[0]!r} is missing")
        return {name: np.asarray(inputs[name]) for name in names}

    def compile(self, feeds: Mapping[str, Array]) -> CompiledProgram:
        """The program for the model with inputs of these shapes."""
        copy = onnx.ModelProto()
        copy.CopyFrom(self._model)
        model = upgraded(copy, "the model")
        self._constants = {name: feeds[name] for name in _needed(model) if name in feeds}
        kept = [value for value in model.graph.input if value.name not in self._constants]
        del model.graph.input[:], model.graph.value_info[:]
        for value in kept:
            if value.name in feeds:
                kind = value.type.tensor_type.elem_type
                value.CopyFrom(helper.make_tensor_value_info(value.name, kind, feeds[value.name].shape))
        model.graph.input.extend(kept)
        model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in self._constants.items())
        calibration = {name: value for name, value in feeds.items() if name not in self._constants}
        program = compile_model(
            model, config=self._config, calibration=[calibration] * INPUTS, max_error=self._max_error
        )
        reasons = host_reasons(program)
        if self._all_on_fabric and reasons:
            node, reason = next(iter(reasons.items()))
            raise CompileError(f"node {node} would run on the host: {reason}")
        return program


def _needed(model: onnx.ModelProto) -> list[str]:
    """Names of values that a rule or a spelling needs to be constant."""
    load_rules()
    constants = {operator: spelling.constants for operator, spelling in SpellStandard.spellings.items()}
    constants |= {operator: rule.constants for operator, rule in RULES.items()}
    names = []
    for node in model.graph.node:
        for index in constants.get(("" if node.domain == "ai.onnx" else node.domain, node.op_type), ()):
            if index < len(node.input) and node.input[index]:
                names.append(node.input[index])
    return list(dict.fromkeys(names))


def host_reasons(program: CompiledProgram) -> dict[str, str]:
    """The nodes that run on the host, with the reason of each."""
    return {
        node: reason
        for variant in program.variants
        for step in variant.steps
        if isinstance(step, HostStep)
        for node, reason in zip(step.nodes, step.reasons, strict=True)
    }


class GatewrightBackend(Backend):
    """See the module. Options of :meth:`prepare` are those of :class:`GatewrightRep`."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **options: Any) -> GatewrightRep:
        """A model, ready to run. Raises :class:`CompileError` for a device that is not there."""
        if not cls.supports_device(device):
            raise CompileError(f"device is {device!r}, allowed: CPU")
        super().prepare(model, device)
        return GatewrightRep(model, **options)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
        **options: Any,
    ) -> tuple[Array, ...]:
        """One operator; types and shapes of its outputs are inferred where ``outputs_info`` does not give them.

        ``opset_version`` is the operator set, by default the newest; other options are those of :meth:`prepare`.
        """
        opset: Any = options.pop("opset_version", None) or onnx.defs.onnx_opset_version()
        super().run_node(node, inputs, device, opset_version=opset)  # checks the node
        names = [name for name in dict.fromkeys(node.input) if name]
        arrays = [np.asarray(each) for each in inputs]
        declared = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in zip(names, arrays, strict=True)
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        if outputs_info is not None:
            outputs = [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
                for name, (kind, shape) in zip(node.output, outputs_info, strict=True)
            ]
        graph = helper.make_graph([node], node.op_type, declared, outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, opset)])
        model.ir_version = min(model.ir_version, onnx.IR_VERSION)
        if outputs_info is None:
            model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        return cls.run_model(model, arrays, device, **options)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether "CPU", the only one: where the accelerator is, an option says."""
        return device.split(":")[0] == "CPU"


prepare = GatewrightBackend.prepare
run_node = GatewrightBackend.run_node
run_model = GatewrightBackend.run_model
supports_device = GatewrightBackend.supports_device
