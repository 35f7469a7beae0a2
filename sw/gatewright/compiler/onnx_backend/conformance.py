"""ONNX's own node tests on the accelerator's arithmetic: ``python -m gatewright.compiler.onnx_backend.conformance``.

An operator is claimed when it has a rule; a test of it counts only where the whole model runs on the fabric. Integer
operators must be exact. Of the others an error is allowed as large as the number formats make it, see :func:`allowed`.
"""

from __future__ import annotations

import math
import re
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.inliner
from onnx import TensorProto, numpy_helper

from gatewright.compiler.errors import CompileError
from gatewright.compiler.formats import FULL_SCALE, INT8, INT16
from gatewright.compiler.lower import load_rules
from gatewright.compiler.lower.rules import RULES
from gatewright.compiler.onnx_backend.backend import GatewrightRep, host_reasons
from gatewright.compiler.operators import DOMAIN, OPERATORS
from gatewright.compiler.passes.spellings.standard import SpellStandard
from gatewright.compiler.quantisation.headroom import HEADROOM
from gatewright.compiler.quantisation.observation import MASKED
from gatewright.compiler.quantisation.plan import WITHIN_ONE

__all__ = ["Outcome", "allowed", "cases", "claimed", "main", "run_case"]

Array = npt.NDArray[Any]

EXACT = frozenset({"MatMulInteger", "QLinearMatMul", "QuantizeLinear", "DequantizeLinear"})
"""Operators that must be met to the last bit."""

INT8_OPERANDS = frozenset({"MatMul", "Gemm", "Attention"})
"""Operators whose operands are int8; those of all others are int16."""

PATTERNS = 16
"""Patterns of signs by which operands are moved."""

UNLUCKY = 2.0
"""How much worse than the worst of the patterns roundings may fall together."""

RESULT_STEPS = 4.0
"""Of the result: the rounding of up to three commands and of a table's chords, each at most one step."""

TYPES = frozenset({TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16})
INDICES = frozenset({TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL})
"""Types that a claimed operator's operands may have: values, and indices, shapes or masks."""


NOT_CLAIMED = "operator not claimed"

# ---- the bound


def step(values: Array, kind: np.dtype[Any], within_one: bool = False) -> float:
    """One unit of the format that calibration gives a value."""
    magnitude = np.abs(values.astype(np.float64))
    largest = float(magnitude[magnitude < MASKED].max(initial=0.0))
    if kind == INT8:
        return largest / FULL_SCALE[INT8]
    return max(largest * HEADROOM, float(within_one)) / FULL_SCALE[INT16]


def allowed(model: onnx.ModelProto, feeds: Mapping[str, Array], wanted: Sequence[Array]) -> list[Array]:
    """The error that the formats explain, for each element of each output.

    Operands are rounded by up to half a step of their format, results by up to RESULT_STEPS steps of theirs. The
    model in float, with all its inputs, and what goes from node to node, moved by that much up or down, moves its
    outputs: by the largest change over PATTERNS patterns of signs, times UNLUCKY. To it come RESULT_STEPS steps of
    the outputs. No constant here depends on a test.
    """
    operators = {node.op_type for node in model.graph.node}
    if operators & EXACT:
        return [np.zeros(each.shape) for each in wanted]
    kind = INT8 if operators & INT8_OPERANDS else INT16
    if "Attention" in operators:  # its scores and weights are rounded, too
        model = onnx.inliner.inline_selected_functions(model, [("", "Attention")], inline_schema_functions=True)
    rng = np.random.default_rng(0)
    noisy, between = _with_noise(model)
    multiplied = {name for node in model.graph.node if node.op_type in INT8_OPERANDS for name in node.input}
    sizes = dict(zip(between, _float(_with_outputs(model, between), feeds), strict=True)) if between else {}
    moved = [np.zeros(each.shape) for each in wanted]
    for _ in range(PATTERNS):
        near = {name: value + _noise(value, kind, 0.5, rng) for name, value in feeds.items()}
        for name, value in sizes.items():
            small = name in multiplied
            near[f"{name}:noise"] = _noise(value, INT8 if small else INT16, 0.5 if small else RESULT_STEPS, rng)
        for place, moved_to, original in zip(moved, _float(noisy, near), wanted, strict=True):
            np.maximum(place, np.abs(moved_to.astype(np.float64) - original.astype(np.float64)), out=place)
    one = bool(operators & WITHIN_ONE)
    return [
        UNLUCKY * np.nan_to_num(change, nan=0.0) + RESULT_STEPS * step(each, INT16, one)
        for change, each in zip(moved, wanted, strict=True)
    ]


def _noise(value: Array, kind: np.dtype[Any], steps: float, rng: np.random.Generator) -> Array:
    """So many steps up or down; nothing for what is no real number."""
    if value.dtype != np.float32 or not value.size:
        return np.zeros((), value.dtype)
    signs = rng.integers(0, 2, value.shape) * 2 - 1
    return np.asarray(signs * steps * step(value, kind), np.float32)


def _with_noise(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """The model with an input added to each real value that goes from node to node; the names of those values."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    real = {each.name for each in inferred.graph.value_info if each.type.tensor_type.elem_type == TensorProto.FLOAT}
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.node[:], changed.graph.value_info[:]
    between = []
    for node in model.graph.node:
        place = len(changed.graph.node)
        changed.graph.node.append(node)
        for index, name in enumerate(node.output):
            if name in real and node.op_type != "Constant":
                between.append(name)
                changed.graph.node[place].output[index] = f"{name}:clean"
                changed.graph.node.append(onnx.helper.make_node("Add", [f"{name}:clean", f"{name}:noise"], [name]))
                changed.graph.input.append(onnx.helper.make_tensor_value_info(f"{name}:noise", TensorProto.FLOAT, None))
    return changed, between


def _with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.output[:]
    changed.graph.output.extend(onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return changed


def _float(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> list[Array]:
    from onnx.reference import ReferenceEvaluator

    with np.errstate(all="ignore"):
        return [
            np.asarray(each)
            for each in _evaluator(model.SerializeToString(), ReferenceEvaluator).run(None, dict(feeds))
        ]


@cache
def _evaluator(data: bytes, kind: Any) -> Any:
    return kind(onnx.load_from_string(data))


# ---- the tests


@dataclass(frozen=True)
class Outcome:
    """Of one test: "passed", "failed" or "skipped"; why, if not passed; the largest share of the allowed error."""

    name: str
    result: str
    reason: str = ""
    share: float = 0.0


def cases() -> list[Path]:
    """Folders of the node tests in the installed onnx package."""
    root = Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"
    return sorted(path for path in root.iterdir() if (path / "model.onnx").is_file())


@cache
def claimed() -> frozenset[str]:
    """Names of standard operators that the fabric claims: those with a rule, and those that become one with a rule."""
    load_rules()
    ours = {name for name in OPERATORS if (DOMAIN, name) in RULES}
    spellings = {"Attention": "Attention", "Gelu": "Gelu", "L2Norm": "LpNormalization"}
    return frozenset(
        {name for domain, name in (*RULES, *SpellStandard.spellings) if not domain}
        | {spellings[name] for name in ours if name in spellings}
    )


def run_case(folder: Path, config: str = "pynq-z2", executor: str = "golden") -> Outcome:
    """Run one test."""
    name = folder.name
    model = onnx.load(folder / "model.onnx")
    reason = _foreign(model)
    unclaimed = any(node.op_type not in claimed() for node in model.graph.node)
    if not reason and unclaimed and "_expanded" not in name:
        reason = NOT_CLAIMED
    if reason:
        return Outcome(name, "skipped", reason)
    worst = 0.0
    for data in sorted(folder.glob("test_data_set_*")):
        feeds = dict(zip((value.name for value in model.graph.input), _tensors(data, "input"), strict=False))
        wanted = list(_tensors(data, "output"))
        rep = GatewrightRep(model, config=config, executor=executor, max_error=math.inf)
        try:
            program = rep.compile(feeds)
        except CompileError as error:
            return Outcome(name, "skipped", NOT_CLAIMED if unclaimed else f"refused: {error}")
        refused = host_reasons(program)
        if refused:
            return Outcome(
                name, "skipped", NOT_CLAIMED if unclaimed else f"on the host: {next(iter(refused.values()))}"
            )
        if not all(np.isfinite(value).all() for value in (*feeds.values(), *wanted) if value.dtype.kind == "f"):
            return Outcome(name, "skipped", "an input or output is not finite")
        outputs = rep.run(feeds)
        for have, want, limit in zip(outputs, wanted, allowed(model, feeds, wanted), strict=True):
            if have.shape != want.shape or have.dtype != want.dtype:
                return Outcome(name, "failed", f"{have.dtype}{have.shape} instead of {want.dtype}{want.shape}")
            off = np.abs(have.astype(np.float64) - want.astype(np.float64))
            if (off > limit).any():
                at = int(np.argmax(off - limit))
                return Outcome(name, "failed", f"error {off.flat[at]:.3g}, allowed {limit.flat[at]:.3g}")
            share = np.divide(off, limit, out=np.zeros(off.shape), where=limit > 0)
            worst = max(worst, float(share.max(initial=0.0)))
    return Outcome(name, "passed", share=worst)


def _tensors(folder: Path, kind: str) -> Iterator[Array]:
    for path in sorted(folder.glob(f"{kind}_*.pb"), key=lambda each: int(each.stem.split("_")[1])):
        yield numpy_helper.to_array(onnx.load_tensor(path))


def _foreign(model: onnx.ModelProto) -> str:
    """Why a test is none of an operator and types that the fabric claims, or ''."""
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx"):
            return NOT_CLAIMED
    for value in (*model.graph.input, *model.graph.output):
        if not value.type.HasField("tensor_type"):
            return "sequence or optional type"
        kind = value.type.tensor_type.elem_type
        if kind not in TYPES | INDICES:
            return f"type {TensorProto.DataType.Name(kind).lower()}"
    return ""


def _category(reason: str) -> str:
    """A reason without names and numbers, to be counted."""
    text = reason.split(" (costs: ")[0]
    if text.startswith("type "):
        return text
    text = re.sub(r"'[^']*'|\b[\w./]*_?\d+[\w,]*\b", "…", text)
    return text if len(text) <= 110 else text[:107] + "..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all tests, or those whose names hold one of the arguments; 1 where one failed."""
    parser = ArgumentParser(prog="python -m gatewright.compiler.onnx_backend.conformance", description=main.__doc__)
    parser.add_argument("parts", nargs="*", help="parts of names")
    parser.add_argument("--config", default="pynq-z2", help="configuration of the accelerator (default: %(default)s)")
    parser.add_argument("--executor", default="golden", help="golden, rtl or board (default: %(default)s)")
    options = parser.parse_args(arguments)
    wanted = options.parts
    folders = [path for path in cases() if not wanted or any(each in path.name for each in wanted)]
    outcomes = [run_case(path, options.config, options.executor) for path in folders]
    for each in outcomes:
        if each.result == "failed" or (wanted and each.result != "skipped"):
            print(f"{each.result:8s}{each.name}  {each.reason or f'{each.share:.0%} of the allowed error'}")
    counts = Counter(each.result for each in outcomes)
    reasons = Counter(_category(each.reason) for each in outcomes if each.result == "skipped")
    print(f"{len(claimed())} operators claimed: {', '.join(sorted(claimed()))}")
    for reason, count in reasons.most_common():
        print(f"{count:6d}  skipped: {reason}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped of {len(outcomes)}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
