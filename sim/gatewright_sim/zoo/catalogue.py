"""All models by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from gatewright.sources import source_version
from gatewright_sim.zoo import geometric, hugging_face, onnx_files
from gatewright_sim.zoo.material import Material, kept

__all__ = ["FAMILIES", "family", "material", "names", "versions"]

_ROOMS = ("gatewright.compiler.from_torch", "gatewright_sim.zoo")


class Family(NamedTuple):
    """``title`` for people; ``names`` of the models; ``make`` one of them; ``module`` where they are made."""

    title: str
    names: Callable[[], list[str]]
    make: Callable[[str], Material]
    module: str


FAMILIES = (
    Family("test models of onnx and onnxruntime", onnx_files.names, onnx_files.make, onnx_files.__name__),
    Family("PyTorch Geometric", geometric.names, geometric.make, geometric.__name__),
    Family("Hugging Face transformers", hugging_face.names, hugging_face.make, hugging_face.__name__),
)


def names() -> list[str]:
    """Of all models, in order of families."""
    return [name for each in FAMILIES for name in each.names()]


def family(name: str) -> Family:
    """That a model belongs to."""
    return next(each for each in FAMILIES if name in each.names())


def versions(names: Iterable[str]) -> dict[str, str]:
    """By name, of the code that makes models: seconds of work."""
    return {name: source_version(family(name).module, rooms=_ROOMS) for name in names}


def material(name: str, version: str) -> Material:
    """A model and its inputs; made once for a version of the code. Raises what its family raises."""
    return kept(name, version, lambda: family(name).make(name))
