"""The target: messages of the agent's wire."""

from __future__ import annotations

import json
import struct
from contextlib import suppress

import numpy as np
from hypothesis import strategies as st

from gatewright.agent.faults import rebuild
from gatewright.agent.fields import config_of, summed
from gatewright.agent.wire import pack, unpack
from gatewright.spec.errors import GatewrightError
from gatewright_sim.fuzz.files.edits import damaged, written
from gatewright_sim.fuzz.target import Finding, Target

__all__ = ["Messages"]

_SOUND = pack(
    {
        "sha256": "0" * 64,
        "session": "s",
        "nbytes": 7,
        "open": True,
        "config": {"name": "tiny"},
        "engines": [],
        "class": "AcceleratorError",
        "message": "m",
        "attributes": {"code": 4, "index": 1, "command": bytes(range(1, 65)).hex()},
    },
    {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "m": np.ones(3, bool)},
)


class Messages(Target):
    """A message is refused, or is one that packs to the same arrays; what reads its fields refuses or takes them."""

    name = "wire"
    suffix = ".bin"

    def cases(self) -> st.SearchStrategy[bytes]:
        return _messages() | damaged(_SOUND)

    def run(self, case: bytes) -> str:
        message = unpack(case)
        again = unpack(pack(message.fields, message.arrays))
        same = all(array.tobytes() == again.arrays[name].tobytes() for name, array in message.arrays.items())
        if json.dumps(message.fields) != json.dumps(again.fields) or not same:
            raise Finding("another message when it is packed again", f"{message.fields}")
        for read in (config_of, summed, rebuild, lambda fields: message.get("nbytes", int)):
            with suppress(GatewrightError):
                read(message.fields)
        return "reads"


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    """The text's entries are others."""
    (length,) = struct.unpack_from("<I", _SOUND)
    text = _SOUND[4 : 4 + length]
    head = draw(written(json.loads(text)))
    return struct.pack("<I", len(head)) + head + _SOUND[4 + length :]
