"""What the header of a ``.bit`` file says of its build, so that a manifest or handoff changed later is found out.

``gatewright_top;board=<hash>;...;HWH=<hash>``: an entry for each field of the manifest that is known before the file
is, so that the one which differs can be named. The manifest in turn has the file's hash. PYNQ takes the first entry as
the design's name and the last as its version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from gatewright.artefact.errors import ArtefactError
from gatewright.spec.registers import BLOCK_NAME

__all__ = ["HANDOFF", "NOTED", "check_header", "header"]

NOTED = ("board", "config", "design_hash", "spec_version", "clock", "tool", "tools", "unvouched")
"""Fields of the manifest whose hashes the header has."""
HANDOFF = "HWH"
_DIGITS = 32


def header(manifest: Mapping[str, Any], handoff: bytes) -> str:
    """The text of the header for a manifest's fields and the bytes of the ``.hwh``."""
    hashes = {name: _digest(_canonical(manifest[name])) for name in NOTED} | {HANDOFF: _digest(handoff)}
    return ";".join([BLOCK_NAME, *(f"{name}={value}" for name, value in hashes.items())])


def check_header(text: str, manifest: Mapping[str, Any], handoff: bytes) -> None:
    """Raise :class:`ArtefactError` that names the first field which is not what the bitstream was built with."""
    said = dict(entry.split("=", 1) for entry in text.split(";") if "=" in entry)
    for entry in header(manifest, handoff).split(";")[1:]:
        name, wanted = entry.split("=", 1)
        if said.get(name) != wanted:
            what = "handoff (.hwh)" if name == HANDOFF else f"{name} of the manifest"
            how = "is not the one that it was built with" if name in said else "is not stated in its header"
            raise ArtefactError(f"the {what} {how}")


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
