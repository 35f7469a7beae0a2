"""One model compiled, executed on the golden model, and judged by inputs that the compiler has not seen."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.version_converter

from gatewright.cache import cached_directory, digest
from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import AccuracyWarning
from gatewright.compiler.model_file.opset import MIN_OPSET
from gatewright.compiler.onnx_backend.backend import host_reasons
from gatewright.compiler.quantisation.judge import MAX_ERROR
from gatewright.compiler.quantisation.measure import relative_error
from gatewright.driver import Accelerator
from gatewright.program.compiled import CompiledProgram, FabricStep
from gatewright.program.errors import first_line
from gatewright.program.onnx_session import OnnxSession, SessionError
from gatewright.sources import source_version
from gatewright.spec.errors import GatewrightError
from gatewright_sim.zoo.material import Inputs, Material

__all__ = ["FAILURES", "Outcome", "Result", "kept_trial", "trial", "version"]

Array = npt.NDArray[Any]

_ROOMS = ("gatewright.compiler", "gatewright.driver", "gatewright.program", "gatewright.spec", "gatewright_sim.golden",
          "gatewright_sim.zoo")  # fmt: skip
_BACKEND = "gatewright_sim.golden.backend"
"""Found by its entry point, hence in no import."""


class Result(str, Enum):
    """What became of a model."""

    RIGHT = "right"
    WARNED = "warned of"
    """Further off than is allowed, and said to be: by the compiler, or by the call."""
    REFUSED = "refused"
    """With one sentence."""
    SILENT = "wrong silently"
    CRASHED = "crashed"
    HUNG = "no end"
    NOT_MADE = "not made"
    """PyTorch does not export it, or its package does not give it."""


FAILURES = (Result.SILENT, Result.CRASHED, Result.HUNG)


@dataclass(frozen=True)
class Outcome:
    """Of one model.

    Attributes
    ----------
    doorbells : how often the fabric is rung in a call; 0 where nothing was compiled or the host runs it all.
    fabric, host : nodes of the canonical model that run there.
    error : relative root mean square error of the worst output, over inputs that the compiler has not seen; None where
        nothing was executed or an output is not finite where it should be.
    promised : the compiler's own figure for it, on calibration inputs.
    reason : why it was refused or crashed, what is said about its error, or why nodes run on the host.
    """

    name: str
    result: Result
    doorbells: int = 0
    fabric: int = 0
    host: int = 0
    error: float | None = None
    promised: float | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Of JSON's types."""
        return asdict(self)


def version() -> str:
    """Of the code that decides what becomes of a model: seconds of work, once for a process."""
    return source_version(__name__, _BACKEND, rooms=_ROOMS)


def kept_trial(name: str, material: Material, config: str, version: str) -> Outcome:
    """As :func:`trial`, kept for the same model, inputs, and version of the code."""
    arrays = [array.tobytes() for feed in (*material.calibration, *material.fresh) for array in feed.values()]

    def write(folder: Path) -> None:
        (folder / "outcome.json").write_text(json.dumps(trial(name, material, config).as_json()))

    folder = cached_directory("zoo-trials", digest(name, config, version, material.model, *arrays), write)
    found = json.loads((folder / "outcome.json").read_text())
    return Outcome(**found | {"result": Result(found["result"])})


def trial(name: str, material: Material, config: str = "pynq-z2") -> Outcome:
    """Compile and execute a model; whatever is raised besides a refusal is an outcome, too."""
    try:
        return _judged(name, material, config)
    except GatewrightError as error:
        return Outcome(name, Result.REFUSED, reason=str(error))
    except Exception as error:
        return Outcome(name, Result.CRASHED, reason=f"{type(error).__name__}: {first_line(error)}")


def _judged(name: str, material: Material, config: str) -> Outcome:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        program = compile_model(material.model, config=config, calibration=list(material.calibration))
    said = [str(each.message) for each in caught if issubclass(each.category, AccuracyWarning)]
    wanted = _in_float(material.model, program, material.fresh)
    found = []
    with Accelerator(config=config, backend="golden") as accelerator, accelerator.load(program) as loaded:
        for feed in material.fresh:
            outputs, report = loaded.call_with_report(**feed)
            found.append(outputs)
            said += [f"{each.name} saturates" for each in report.saturated]
    shapes = next((text for have, right in zip(found, wanted, strict=True) if (text := _unlike(have, right))), "")
    error = math.inf if shapes else max((_error(found, wanted, output) for output in wanted[0]), default=0.0)
    off = Result.WARNED if said and not shapes else Result.SILENT
    result = Result.RIGHT if error <= MAX_ERROR else off
    reasons = host_reasons(program)
    on_host = sorted({reason.split(" (costs: ")[0] for reason in reasons.values()})
    (variant,) = program.variants
    steps = [step for step in variant.steps if isinstance(step, FabricStep)]
    promised = max((value.error for value in variant.outputs if not math.isnan(value.error)), default=None)
    return Outcome(
        name,
        result,
        doorbells=len(steps),
        fabric=len({layer.node for step in steps for layer in step.layers}),
        host=len(reasons),
        error=error if math.isfinite(error) else None,
        promised=promised if promised is not None and math.isfinite(promised) else None,
        reason=shapes or "; ".join(dict.fromkeys(said if result is Result.WARNED else on_host)),
    )


def _in_float(model: bytes, program: CompiledProgram, feeds: Sequence[Inputs]) -> list[dict[str, Array]]:
    """What ONNX Runtime makes of the model itself."""
    try:
        session = OnnxSession(model)
    except SessionError:  # an operator set of before ONNX Runtime's time
        newer = onnx.version_converter.convert_version(onnx.load_from_string(model), MIN_OPSET)
        session = OnnxSession(newer.SerializeToString())
    names = [value.name for value in program.variants[0].outputs]
    return [dict(zip(names, session.run(names, feed), strict=True)) for feed in feeds]


def _unlike(found: Inputs, wanted: Inputs) -> str:
    """In what way results are of another kind than they should be."""
    for name, right in wanted.items():
        have = found[name]
        if (have.shape, have.dtype) != (right.shape, right.dtype):
            return f"{name} is {have.dtype}{list(have.shape)} instead of {right.dtype}{list(right.shape)}"
    return ""


def _error(found: Sequence[Inputs], wanted: Sequence[Inputs], output: str) -> float:
    """Of one output, over all inputs alike, as the compiler measures it."""
    errors = [relative_error(have[output], right[output]) for have, right in zip(found, wanted, strict=True)]
    return float(np.sqrt(np.square(errors).mean()))
