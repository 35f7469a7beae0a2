"""The target: ONNX models through the whole compiler, and what the programs compute."""

from __future__ import annotations

import warnings
from math import prod
from typing import Any

import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from hypothesis import strategies as st

from gatewright.compiler.compile import compile_model
from gatewright.driver import Accelerator
from gatewright.program.compiled import CompiledProgram
from gatewright_sim.fuzz.files.calls import inputs_of
from gatewright_sim.fuzz.files.models import changed_models
from gatewright_sim.fuzz.target import Finding, Target

__all__ = ["OnnxModels"]

_MOST_ELEMENTS = 1 << 19


class OnnxModels(Target):
    """A model is refused, or becomes a program whose results have the declared types and sizes."""

    name = "onnx"
    suffix = ".onnx"

    def cases(self) -> st.SearchStrategy[bytes]:
        return changed_models()

    def run(self, case: bytes) -> str:
        if _elements(case) > _MOST_ELEMENTS:
            return "large"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = compile_model(case, config="tiny")
            inputs = inputs_of(program)
            if inputs is None:
                return "large"
            with Accelerator("tiny", "golden", timeout_s=5.0) as accelerator, accelerator.load(program) as loaded:
                _check(program, loaded(**inputs))
        return "runs"


def _elements(case: bytes) -> int:
    """Of the inputs together, as far as they have sizes: each is calculated with several times."""
    try:
        inputs = onnx.load_model_from_string(case).graph.input
    except DecodeError:
        return 0
    shapes = [[dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in inputs]
    return sum(prod(size for size in shape if size > 0) for shape in shapes)


def _check(program: CompiledProgram, outputs: dict[str, npt.NDArray[Any]]) -> None:
    variant = program.variants[0]
    for value in variant.outputs:
        found = outputs[value.name]
        if found.dtype != value.dtype or found.ndim != len(value.shape):
            raise Finding("result of another type", f"{value.name}: {found.dtype} {found.shape}, declared {value}")
