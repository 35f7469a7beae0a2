"""The test models that lie in the packages onnx and onnxruntime, but for those of single operators, which `make
onnx-conformance` runs, and the networks of pictures (`light`), nearly all of which are convolutions of the host."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright_sim.zoo.material import Inputs, Material, drawn

__all__ = ["make", "names"]

GROUPS = ("simple", "pytorch-converted", "pytorch-operator")


def _package(name: str) -> Path:
    found = find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


@cache
def _files() -> dict[str, Path]:
    """By name."""
    found = {}
    data = _package("onnx") / "backend" / "test" / "data"
    for group in GROUPS:
        for path in sorted((data / group).glob("**/*.onnx")):
            stem = path.stem if path.stem != "model" else path.parent.name
            found[f"onnx/{group}/{stem.removeprefix('test_')}"] = path
    for path in sorted((_package("onnxruntime") / "datasets").glob("*.onnx")):
        found[f"onnxruntime/{path.stem}"] = path
    return found


def names() -> list[str]:
    """Of all models."""
    return list(_files())


def make(name: str) -> Material:
    """One model; its inputs are those that lie beside it, real numbers in other orders, or where none lie there numbers
    in 0..1.

    Raises ValueError for an input that is no tensor, and what onnx raises.
    """
    import onnx

    path = _files()[name]
    model = onnx.load(path)
    known = {tensor.name for tensor in model.graph.initializer}
    values = [value for value in model.graph.input if value.name not in known]
    given = [_given(path.parent, index, value) for index, value in enumerate(values)]

    def draw(rng: np.random.Generator) -> Inputs:
        found = {}
        for value, array in zip(values, given, strict=True):
            if array is None:
                sizes = [each.dim_value or 1 for each in value.type.tensor_type.shape.dim]
                found[value.name] = rng.random(sizes, np.float32)
            elif array.dtype.kind != "f":  # a shape or an axis, say
                found[value.name] = array
            else:
                found[value.name] = rng.permuted(array.reshape(-1)).reshape(array.shape)
        return found

    return drawn(path.read_bytes(), draw)


def _given(folder: Path, index: int, value: Any) -> npt.NDArray[Any] | None:
    """The input that lies beside a model, None where there is none."""
    import onnx
    from onnx import numpy_helper

    if not value.type.HasField("tensor_type"):
        raise ValueError(f"input {value.name} is no tensor")
    file = folder / "test_data_set_0" / f"input_{index}.pb"
    if not file.exists():
        return None
    array = numpy_helper.to_array(onnx.load_tensor(file))
    return array.astype(np.str_) if array.dtype == object else array
