"""The targets: a built design's bitstream, its manifest's hashes made again, and its manifest."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from hypothesis import strategies as st

from gatewright.artefact.bitfile import read_bit
from gatewright.artefact.header import UNSEALED
from gatewright.artefact.manifest import MANIFEST, load_built
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.build.build import build
from gatewright_hw.build.flow import Request
from gatewright_sim.fuzz.files.edits import damaged, written
from gatewright_sim.fuzz.target import Finding, Target

__all__ = ["Bitstreams", "Manifests"]


class _Designs(Target):
    """A folder with a design of no hardware."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        self._folder = Path(self._temporary.name) / "built"
        build("simulation", Request.of(get_board("zybo-z7-10"), get_config("tiny"), None), self._folder)
        self._manifest = (self._folder / MANIFEST).read_text()
        self._built = load_built(self._folder)
        self._bit = self._built.path(".bit")
        self._content = self._bit.read_bytes()

    def _load(self) -> str:
        """Load what lies in the folder now. Raises :class:`Finding` where that is another design than was built, apart
        from the date and time of the ``.bit``."""
        found, built = load_built(self._folder), self._built
        now, then = asdict(found.manifest), asdict(built.manifest)
        for name in then.keys() - UNSEALED:
            if now[name] != then[name]:
                raise Finding(f"another {name} in the manifest loads", f"{now[name]!r:.200}")
        for name in ("words", "design", "part"):
            if getattr(found.bit, name) != getattr(built.bit, name):
                raise Finding(f"another {name} of the bitstream loads", f"{getattr(found.bit, name)!r:.200}")
        return "loads"


class Bitstreams(_Designs):
    """A bitstream is refused, also where the manifest has its hash, or is the one that was built."""

    name = "bitstreams"
    suffix = ".bit"

    def cases(self) -> st.SearchStrategy[bytes]:
        return damaged(self._content)

    def run(self, case: bytes) -> str:
        self._bit.write_bytes(case)
        fields = json.loads(self._manifest)
        fields["files"][self._bit.name] = hashlib.sha256(case).hexdigest()
        fields["words_sha256"] = read_bit(self._bit).words_sha256
        (self._folder / MANIFEST).write_text(json.dumps(fields))
        return self._load()


class Manifests(_Designs):
    """A manifest is refused, or has the types that it says, and the bitstream's header tells whether it was changed."""

    name = "manifests"
    suffix = ".json"

    def cases(self) -> st.SearchStrategy[bytes]:
        return written(json.loads(self._manifest)) | damaged(self._manifest.encode())

    def run(self, case: bytes) -> str:
        (self._folder / MANIFEST).write_bytes(case)
        return self._load()
