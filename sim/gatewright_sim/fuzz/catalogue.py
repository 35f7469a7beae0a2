"""All targets by name."""

from __future__ import annotations

from gatewright.spec.errors import SpecError
from gatewright_sim.fuzz.files.archives import Archives
from gatewright_sim.fuzz.files.designs import Bitstreams, Manifests
from gatewright_sim.fuzz.files.messages import Messages
from gatewright_sim.fuzz.files.onnx_models import OnnxModels
from gatewright_sim.fuzz.files.programs import Programs
from gatewright_sim.fuzz.files.ratings import Ratings
from gatewright_sim.fuzz.streams.streams import Streams
from gatewright_sim.fuzz.target import Target

__all__ = ["TARGETS", "get_target"]

TARGETS: dict[str, type[Target]] = {
    kind.name: kind for kind in (Streams, Programs, OnnxModels, Archives, Ratings, Bitstreams, Manifests, Messages)
}


def get_target(name: str) -> type[Target]:
    """The target called ``name``; :class:`SpecError` lists the names otherwise."""
    try:
        return TARGETS[name]
    except KeyError:
        raise SpecError(f"unknown target {name!r}, allowed: {', '.join(TARGETS)}") from None
