"""A program on golden and on the RTL."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver import Accelerator, AcceleratorError, AcceleratorTimeout, GatewrightError
from gatewright.program.check import command_words
from gatewright.program.compiled import CompiledProgram, FabricStep, shape_at
from gatewright.spec.commands import decode
from gatewright_sim.fuzz.streams.defined import Defined
from gatewright_sim.fuzz.target import Finding

__all__ = ["inputs_of", "on_both"]

_MOST_ELEMENTS = 1 << 16
_TIMEOUT_S = 3.0
_MOST_BYTES = 1 << 22
"""Of an allocation that is followed byte by byte."""

Arrays = dict[str, npt.NDArray[Any]]


def inputs_of(program: CompiledProgram) -> Arrays | None:
    """Some inputs of the first variant's sizes; None where they are too large."""
    variant, found = program.variants[0], {}
    rng = np.random.default_rng(1)
    for value in variant.inputs:
        shape = shape_at(value.shape, variant.dims | variant.capacity)
        if int(np.prod(shape, dtype=object)) > _MOST_ELEMENTS or min(shape, default=0) < 0:
            return None
        found[value.name] = rng.integers(0, 2, shape).astype(value.dtype)
    return found


def on_both(program: CompiledProgram) -> str:
    """Call a program on both backends. Raises :class:`Finding` where they differ, and the error where both have it."""
    inputs = inputs_of(program)
    if inputs is None:
        return "large"
    golden, rtl = (_call(program, inputs, backend) for backend in ("golden", "rtl"))
    if isinstance(golden, AcceleratorTimeout) or isinstance(rtl, AcceleratorTimeout):
        return "takes long"
    if not _is_defined(program):
        return "undefined"
    if isinstance(golden, GatewrightError) or isinstance(rtl, GatewrightError):
        if _said(golden) != _said(rtl):
            raise Finding("golden and RTL end differently", f"{_said(golden)} and {_said(rtl)}")
        assert isinstance(golden, GatewrightError)
        raise golden
    for name, wanted in golden.items():
        if not np.array_equal(wanted, rtl[name], equal_nan=wanted.dtype.kind == "f"):
            raise Finding("golden and RTL differ", f"output {name}")
    return "runs"


def _call(program: CompiledProgram, inputs: Arrays, backend: str) -> Arrays | GatewrightError:
    try:
        with Accelerator("tiny", backend, timeout_s=_TIMEOUT_S) as accelerator, accelerator.load(program) as loaded:
            return loaded(**inputs)
    except GatewrightError as error:
        return error


def _said(outcome: Arrays | GatewrightError) -> Any:
    if isinstance(outcome, AcceleratorError):
        return type(outcome), outcome.code, outcome.index, outcome.detail
    return type(outcome)


def _is_defined(program: CompiledProgram) -> bool:
    """Whether no command of it overwrites what it reads."""
    if program.nbytes > _MOST_BYTES:
        return False
    defined = Defined(0, program.nbytes)
    for variant in program.variants:
        for step in variant.steps:
            if isinstance(step, FabricStep):
                for words in command_words(program.image, step):
                    defined.run(decode(words.tobytes()), failed=False)
    return not (defined.lost or defined.vague.any())
