"""What a trial needs of a model: it as ONNX, inputs to calibrate with, and others to be judged by; exported once and
kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.cache import cached_directory, digest

__all__ = ["CALIBRATION", "FRESH", "Draw", "Inputs", "Material", "drawn", "exported", "kept"]

Inputs = Mapping[str, npt.NDArray[Any]]
Draw = Callable[[np.random.Generator], Inputs]

CALIBRATION, FRESH = 8, 4
"""Sets of inputs."""

SEED = 0


@dataclass(frozen=True)
class Material:
    """``model`` serialised; ``calibration`` and ``fresh`` inputs, by name, of the same kind and not the same."""

    model: bytes
    calibration: tuple[Inputs, ...]
    fresh: tuple[Inputs, ...]


def drawn(model: bytes, draw: Draw) -> Material:
    """Inputs for a model, seeded."""
    rng = np.random.default_rng(SEED)
    calibration = tuple(draw(rng) for _ in range(CALIBRATION))
    return Material(model, calibration, tuple(draw(rng) for _ in range(FRESH)))


def exported(module: Any, draw: Draw) -> Material:
    """A PyTorch module, exported as `gatewright.compile` does."""
    from gatewright.compiler.from_torch.export import export_module

    example = {name: np.asarray(value) for name, value in draw(np.random.default_rng(SEED)).items()}
    return drawn(export_module(module, example).model.SerializeToString(), draw)


def kept(name: str, version: str, make: Callable[[], Material]) -> Material:
    """What ``make`` gives, kept under ``name`` for ``version`` of what makes it."""

    def write(folder: Path) -> None:
        material = make()
        (folder / "model.onnx").write_bytes(material.model)
        sets = {"calibration": material.calibration, "fresh": material.fresh}
        named = {
            f"{kind}/{index}/{name}": array
            for kind, each in sets.items()
            for index, feed in enumerate(each)
            for name, array in feed.items()
        }
        np.savez(folder / "inputs.npz", **named)

    folder = cached_directory("zoo-models", digest(name, version), write)
    with np.load(folder / "inputs.npz") as file:
        sets = {kind: [dict[str, Any]() for _ in range(count)] for kind, count in _COUNTS.items()}
        for key in file.files:
            kind, index, input_name = key.split("/", 2)
            sets[kind][int(index)][input_name] = file[key]
    return Material((folder / "model.onnx").read_bytes(), tuple(sets["calibration"]), tuple(sets["fresh"]))


_COUNTS = {"calibration": CALIBRATION, "fresh": FRESH}
