"""The quantisation error of each node: the program runs on the golden model with every value as an output."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.encode import UnplacedStep, UnplacedVariant, assemble
from gatewright.compiler.quantisation.calibrate import open_session
from gatewright.compiler.quantisation.hidden_rows import hidden_by, kept_rows
from gatewright.driver import Accelerator
from gatewright.program.compiled import CompiledProgram, Value
from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig

__all__ = ["available", "node_errors"]

_MEMORY_BYTES = 1 << 30
"""For a program that keeps every value."""


def available() -> bool:
    """Whether the golden model is installed."""
    return find_spec("gatewright_sim") is not None


def node_errors(
    model: ir.Model, plan: UnplacedVariant, config: AcceleratorConfig, feed: Mapping[str, npt.NDArray[Any]]
) -> dict[str, float]:
    """Root mean square error by node, relative to that of the float values themselves, for the inputs ``feed``.

    All that happened to a value since the inputs counts. ``plan`` has the steps of the model, of which every value that
    is to be measured is an output. Rows that a mask hides from every output of the model do not count.
    """
    ports = [port.placement for step in plan.steps if isinstance(step, UnplacedStep) for port in step.outputs]
    values = {each.name: Value(each.name, each.dtype, each.shape) for each in ports}
    everything = UnplacedVariant(plan.dims, plan.capacity, plan.inputs, tuple(values.values()), plan.steps)
    image, nbytes, variants = assemble([everything], config, _MEMORY_BYTES)
    program = CompiledProgram("measurement", config.name, config.hash, SPEC_VERSION, image, nbytes, variants)
    with Accelerator(config, "golden", memory_bytes=2 * nbytes) as accelerator, accelerator.load(program) as loaded:
        found = loaded(**feed)
    expected = dict(zip(values, open_session(model, list(values)).run(list(values), feed), strict=True))
    hidden = hidden_by(model)
    errors: dict[str, float] = {}
    for node in model.graph:
        for value in node.outputs:
            if value.name in values:
                kept = kept_rows(hidden, value.name, feed)
                pair = (each[value.name] if kept is None else each[value.name][kept] for each in (found, expected))
                error = _relative(*pair)
                errors[node.name or ""] = max(error, errors.get(node.name or "", 0.0))
    return errors


def _relative(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    difference, size = (
        float(np.square(each, dtype=np.float64).sum()) for each in (found - expected.astype(np.float64), expected)
    )
    return float(np.sqrt(difference / size)) if size else float("nan") if difference else 0.0
