"""The targets: a built design's bitstream, its manifest's hashes made again, and its manifest."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from hypothesis import strategies as st

from gatewright.artefact.bitfile import read_bit
from gatewright.artefact.manifest import MANIFEST, load_built, load_manifest
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.build.build import build
from gatewright_hw.build.flow import Request
from gatewright_sim.fuzz.files.edits import damaged, written
from gatewright_sim.fuzz.target import Target

__all__ = ["Bitstreams", "Manifests"]


class _Designs(Target):
    """A folder with a design of no hardware."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        self._folder = Path(self._temporary.name) / "built"
        build("simulation", Request.of(get_board("zybo-z7-10"), get_config("tiny"), None), self._folder)
        self._manifest = (self._folder / MANIFEST).read_text()
        self._bit = load_built(self._folder).path(".bit")
        self._words = self._bit.read_bytes()


class Bitstreams(_Designs):
    """A bitstream is refused, also where the manifest has its hash, or is the one that was built."""

    name = "bitstreams"
    suffix = ".bit"

    def cases(self, corpus: list[bytes]) -> st.SearchStrategy[bytes]:
        return damaged(self._words)

    def run(self, case: bytes) -> str:
        self._bit.write_bytes(case)
        fields = json.loads(self._manifest)
        fields["files"][self._bit.name] = hashlib.sha256(case).hexdigest()
        fields["words_sha256"] = read_bit(self._bit).words_sha256
        (self._folder / MANIFEST).write_text(json.dumps(fields))
        load_built(self._folder)
        return "loads"


class Manifests(_Designs):
    """A manifest is refused, or has the types that it says, and the bitstream's header tells whether it was changed."""

    name = "manifests"
    suffix = ".json"

    def cases(self, corpus: list[bytes]) -> st.SearchStrategy[bytes]:
        return written(json.loads(self._manifest)) | damaged(self._manifest.encode())

    def run(self, case: bytes) -> str:
        (self._folder / MANIFEST).write_bytes(case)
        load_manifest(self._folder)
        load_built(self._folder)
        return "loads"
