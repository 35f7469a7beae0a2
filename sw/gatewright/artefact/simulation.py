"""A bitstream without hardware: it says which design it stands for, and only a virtual board takes it.

It has the packets that every bitstream begins with (UG470), the part's identity among them, then names the design.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, dataclass

from gatewright.artefact.bitfile import SYNC
from gatewright.artefact.errors import ArtefactError
from gatewright.spec.boards import Board

__all__ = ["SimulatedDesign", "identify", "simulation_words"]

_LEAD = bytes.fromhex("ffffffff" * 8 + "000000bb11220044" + "ffffffff" * 2) + SYNC
_NOP, _WRITE_IDCODE = 0x2000_0000, 0x3001_8001
_MARK = b"gatewright simulation\n\0\0"
_DIGEST = 16


@dataclass(frozen=True)
class SimulatedDesign:
    """What a virtual board builds when it takes the bitstream: board, configuration and design by their hashes."""

    board: str
    config: str
    config_hash: str
    design_hash: str
    closed_mhz: float


def simulation_words(board: Board, design: SimulatedDesign) -> bytes:
    """Configuration words, big-endian."""
    text = json.dumps(asdict(design), sort_keys=True).encode()
    text += b" " * (-len(text) % 4)
    packets = struct.pack(">4I", _NOP, _WRITE_IDCODE, board.idcode or 0, _NOP)
    return _LEAD + packets + _MARK + struct.pack(">I", len(text)) + text + _digest(text)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:_DIGEST]


def identify(words: bytes) -> SimulatedDesign | None:
    """The design that simulation words stand for; None for other bitstreams.

    Raises :class:`ArtefactError` where they are cut off or damaged.
    """
    at = words.find(_MARK)
    if at < 0:
        return None
    start = at + len(_MARK) + 4
    (length,) = struct.unpack(">I", words[start - 4 : start].rjust(4, b"\xff"))
    text, end = words[start : start + length], start + length + _DIGEST
    if len(words) < end:
        raise ArtefactError("the simulation bitstream is cut off")
    if words[start + length : end] != _digest(text):
        raise ArtefactError("the simulation bitstream is damaged")
    try:
        return SimulatedDesign(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ArtefactError(f"the simulation bitstream is of another release: {error}") from None
