"""What the header of a ``.bit`` file says of its build, so that a manifest or handoff changed later is found out.

``gatewright_top;board=<hash>;...;HWH=<hash>``: an entry for each field of the manifest that is known before the file
is, so that the one which differs can be named. Through ``words_sha256`` they hold the configuration, too. The manifest
in turn has the file's hash. PYNQ takes the first entry as the design's name and the last as its version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from gatewright.artefact.errors import ArtefactError
from gatewright.spec.registers import BLOCK_NAME

__all__ = ["HANDOFF", "UNSEALED", "check_header", "header"]

UNSEALED = ("files", "physical")
"""Fields of the manifest whose hashes the header does not have: the one has the file's own, the other is said later."""
HANDOFF = "HWH"
_DIGITS = 32


def header(manifest: Mapping[str, Any], handoff: bytes) -> str:
    """The text of the header for a manifest's fields and the bytes of the ``.hwh``."""
    hashes = {name: _digest(_canonical(value)) for name, value in manifest.items() if name not in UNSEALED}
    hashes[HANDOFF] = _digest(handoff)
    return ";".join([BLOCK_NAME, *(f"{name}={value}" for name, value in hashes.items())])


def check_header(text: str, manifest: Mapping[str, Any], handoff: bytes) -> None:
    """Raise :class:`ArtefactError` that names the first field which is not what the bitstream was built with."""
    said = dict(entry.split("=", 1) for entry in text.split(";") if "=" in entry)
    whole = header(manifest, handoff)
    for entry in whole.split(";")[1:]:
        name, wanted = entry.split("=", 1)
        if said.get(name) != wanted:
            what = "handoff (.hwh)" if name == HANDOFF else f"{name} of the manifest"
            how = "is not the one that it was built with" if name in said else "is not stated in its header"
            raise ArtefactError(f"the {what} {how}")
    if text != whole:
        raise ArtefactError(f"its header has other entries than {BLOCK_NAME} and the hashes of a build")


def _canonical(value: Any) -> bytes:
    return json.dumps(_without_zeros(value), sort_keys=True).encode()


def _without_zeros(value: Any) -> Any:
    """Whole numbers as such: where one is a float, as a manifest's are once it is read, it is still the same number."""
    if isinstance(value, Mapping):
        return {name: _without_zeros(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_zeros(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
