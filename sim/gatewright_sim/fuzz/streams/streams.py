"""The target: streams on config tiny."""

from __future__ import annotations

from hypothesis import strategies as st

from gatewright.spec.config import get_config
from gatewright_sim.fuzz.streams.cases import streams
from gatewright_sim.fuzz.streams.compare import compare
from gatewright_sim.fuzz.streams.rig import Rig
from gatewright_sim.fuzz.streams.stream import Stream
from gatewright_sim.fuzz.target import Target

__all__ = ["Streams"]


class Streams(Target):
    """Golden and RTL must agree on every program."""

    name = "streams"
    suffix = ".json"

    def __init__(self) -> None:
        self._rig = Rig(get_config("tiny"))

    def cases(self) -> st.SearchStrategy[bytes]:
        return streams(self._rig.config).map(Stream.to_bytes)

    def run(self, case: bytes) -> str:
        return compare(self._rig, Stream.of(case))
