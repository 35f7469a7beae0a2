"""The target: ONNX models through the whole compiler, and what the programs compute."""

from __future__ import annotations

import warnings
from typing import Any

import numpy.typing as npt
from hypothesis import strategies as st

from gatewright.compiler.compile import compile_model
from gatewright.driver import Accelerator
from gatewright.program.compiled import CompiledProgram
from gatewright_sim.fuzz.files.calls import inputs_of
from gatewright_sim.fuzz.files.models import changed_models
from gatewright_sim.fuzz.target import Finding, Target

__all__ = ["OnnxModels"]


class OnnxModels(Target):
    """A model is refused, or becomes a program whose results have the declared types and sizes."""

    name = "onnx"
    suffix = ".onnx"

    def cases(self) -> st.SearchStrategy[bytes]:
        return changed_models()

    def run(self, case: bytes) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = compile_model(case, config="tiny")
            inputs = inputs_of(program)
            if inputs is None:
                return "large"
            with Accelerator("tiny", "golden", timeout_s=5.0) as accelerator, accelerator.load(program) as loaded:
                _check(program, loaded(**inputs))
        return "runs"


def _check(program: CompiledProgram, outputs: dict[str, npt.NDArray[Any]]) -> None:
    variant = program.variants[0]
    for value in variant.outputs:
        found = outputs[value.name]
        if found.dtype != value.dtype or found.ndim != len(value.shape):
            raise Finding("result of another type", f"{value.name}: {found.dtype} {found.shape}, declared {value}")
