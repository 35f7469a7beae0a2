"""Runs a model in float on calibration inputs and keeps what quantisation needs to know of each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.matrices import dims
from gatewright.compiler.graph_access import is_tensor, operand, shape_of
from gatewright.compiler.operators import HOST_DOMAIN
from gatewright.compiler.passes.quantised import RANGE
from gatewright.compiler.quantisation.hidden_rows import hidden_by, kept_rows
from gatewright.compiler.quantisation.observation import MASKED, Observation
from gatewright.program.compiled import dimension
from gatewright.program.onnx_session import OnnxSession, SessionError

__all__ = ["SAMPLE_ROWS", "calibrate", "open_session", "session_of", "synthetic"]


LONGEST_RUN = 300.0
"""Seconds after which a model that has not come to its results is given up: a loop without an end, say."""

SAMPLE_ROWS = 512
"""Rows of a value that are kept, spread over the calibration inputs."""


def calibrate(
    model: ir.Model, inputs: Sequence[Mapping[str, npt.NDArray[Any]]], *, settled: bool = False
) -> dict[str, Observation]:
    """Observations by the name of each floating-point value that is not constant, and of integers that become such.

    ``inputs`` are complete inputs of the model; ``settled`` says that others bring no larger numbers. Raises
    :class:`CompileError` when ONNX Runtime refuses the model or an input, or a value is not finite.
    """
    values = {value.name: value for node in model.graph for value in node.outputs if value.name and _counts(value)}
    counted = {value.name for value in model.graph.inputs if _counts(value)} | set(values)
    session = open_session(model, list(values))
    hidden = hidden_by(model)
    found: dict[str, list[Observation]] = {}
    share = max(SAMPLE_ROWS // max(len(inputs), 1), 8)
    names = list(session.outputs)
    for feed in inputs:
        try:
            results = session.run(names, feed, LONGEST_RUN)
        except SessionError as error:
            raise CompileError(f"calibration input refused: {error}") from error
        for name, array in {**dict(zip(names, results, strict=True)), **feed}.items():
            if name in counted:
                kept = kept_rows(hidden, name, feed)
                found.setdefault(name, []).append(_observe(array if kept is None else array[kept], share))
    merged = {name: replace(_merge(parts), settled=settled) for name, parts in found.items()}
    for value in (*model.graph.inputs, *values.values()):
        name = value.name or ""
        if name in merged and RANGE in value.metadata_props:  # in place of what was seen
            low, high = (float(each) for each in value.metadata_props[RANGE].split(","))
            seen = merged[name]
            merged[name] = replace(
                seen, low=np.full_like(seen.low, low), high=np.full_like(seen.high, high), settled=True
            )
    return merged


def _counts(value: ir.Value) -> bool:
    """Whether the numbers of a value matter: those of indices and masks do not."""
    if value.dtype is None or not is_tensor(value):
        return False
    if value.dtype.is_floating_point():
        return True
    return any(node.op_type in ("Cast", "DequantizeLinear") and index == 0 for node, index in value.uses())


def open_session(model: ir.Model, names: Sequence[str]) -> OnnxSession:
    """ONNX Runtime on a model that also returns the values ``names``; nothing is fused, so that each of them exists.

    Raises :class:`CompileError` when it refuses the model.
    """
    return session_of(ir.to_proto(model), names)


def session_of(proto: onnx.ModelProto, names: Sequence[str]) -> OnnxSession:
    """As :func:`open_session`, of a model that nobody else has."""
    there = {value.name for value in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in there)
    try:
        return OnnxSession(proto.SerializeToString(), fused=False)
    except SessionError as error:
        raise CompileError(f"the model cannot be calibrated: {error}") from error


def _observe(array: npt.NDArray[Any], share: int) -> Observation:
    cols = array.shape[-1] if array.ndim else 1
    rows = np.asarray(array, np.float32).reshape(array.size // cols if cols else 0, cols)
    finite = np.where(np.abs(rows) < MASKED, rows, 0)
    if not np.issubdtype(array.dtype, np.floating):
        finite = array.reshape(rows.shape).astype(np.float64)
    if not rows.size:  # no row, or a list of no element
        finite = np.zeros((1, max(rows.shape[1], 1)), np.float32)
    step = max(len(rows) // share, 1)
    low, high = finite.min(0).astype(np.float64), finite.max(0).astype(np.float64)
    peak = np.abs(finite).max(initial=0.0, keepdims=True).reshape(-1).astype(np.float64)
    return Observation(low, high, rows[::step][:share].copy(), peak, float(np.abs(rows).max(initial=0.0)))


def _merge(parts: Sequence[Observation]) -> Observation:
    widths = {len(part.low) for part in parts}
    extreme = float(np.max([part.extreme for part in parts]))
    peaks = np.concatenate([part.peaks for part in parts])
    if len(widths) > 1:  # a dynamic last dimension: only the extremes mean anything
        low, high = min(part.low.min() for part in parts), max(part.high.max() for part in parts)
        return Observation(np.array([low]), np.array([high]), np.zeros((0, 1), np.float32), peaks, extreme)
    return Observation(
        np.min([part.low for part in parts], axis=0),
        np.max([part.high for part in parts], axis=0),
        np.concatenate([part.sample for part in parts]),
        peaks,
        extreme,
    )


def synthetic(model: ir.Model, capacity: Mapping[str, int], count: int = 4) -> list[dict[str, npt.NDArray[Any]]]:
    """Inputs for want of real ones: standard normal numbers, valid indices, and masks of ones. Seeded.

    An integer input that selects rows of a table (Gather) stays below its size; other integers are 0 or 1.
    """
    rng = np.random.default_rng(0)
    return [{value.name or "": _draw(value, capacity, rng) for value in model.graph.inputs} for _ in range(count)]


def _draw(value: ir.Value, capacity: Mapping[str, int], rng: np.random.Generator) -> npt.NDArray[Any]:
    assert value.shape is not None and value.dtype is not None
    shape = tuple(each if isinstance(each, int) else capacity[str(each.value)] for each in value.shape)
    dtype = value.dtype.numpy()
    if np.issubdtype(dtype, np.floating):
        return rng.standard_normal(shape).astype(dtype)
    limit = min((limit for node, index in value.uses() if (limit := _index_limit(node, index, capacity))), default=0)
    if limit:
        return rng.integers(0, limit, shape).astype(dtype)
    if dtype in (np.int8, np.uint8):
        return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype)
    return np.ones(shape, dtype)


def _index_limit(node: ir.Node, index: int, capacity: Mapping[str, int]) -> int:
    """Rows of the table that an integer operand selects from, or 0; of a graph, the fewest nodes that an edge leads
    from or to."""
    if node.domain == HOST_DOMAIN:
        readers = [use.node for value in node.outputs for use in value.uses() if use.node.op_type == "CsrMatMul"]
        tables = [dims(shape_of(each)) for node in readers for each in (operand(node, 3), node.outputs[0])]
        return min((_most(table[0], capacity) for table in tables), default=0)
    table = node.inputs[0]
    if node.op_type != "Gather" or index != 1 or table is None or table.shape is None:
        return 0
    rows = table.shape[0]
    return rows if isinstance(rows, int) else 0


def _most(size: int | str, capacity: Mapping[str, int]) -> int:
    if isinstance(size, int):
        return size
    name, addend = dimension(size)
    return capacity[name] + addend
