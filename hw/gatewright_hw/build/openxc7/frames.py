"""Configuration frames of a 7-series bitstream, read from its packets.

Source: UG470, 7 Series FPGAs Configuration, "Configuration Packets" and "Configuration Registers". Which frames a part
has is not documented there; Project X-Ray's ``part.json`` lists them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.artefact.bitfile import SYNC
from gatewright_hw.build.errors import BuildError

__all__ = ["WORDS_PER_FRAME", "Frames", "frame_rows", "read_frames"]

WORDS_PER_FRAME = 101
_PADDING = 2
"""Frames of zeros that follow each row of the part, and are written nowhere."""
_FAR, _FDRI, _IDCODE = 1, 2, 12
_REVISION_BITS = 28
_BLOCKS = {"CLB_IO_CLK": 0, "BLOCK_RAM": 1, "CFG_CLB": 2}

Frames = Mapping[int, npt.NDArray[np.uint32]]
"""The words of each frame by its address."""


def frame_rows(part: Mapping[str, Any]) -> list[list[int]]:
    """Addresses of all frames of ``part`` (Project X-Ray's ``part.json``), row by row, in the order of the device.

    An address holds block type (bits 25 to 23), half (22), row (21 to 17), column (16 to 7) and frame (6 to 0).
    """
    rows = []
    for block, code in _BLOCKS.items():
        for half, region in enumerate(("top", "bottom")):
            entries = part["global_clock_regions"].get(region, {}).get("rows", {})
            for row in sorted(entries, key=int):
                columns = entries[row]["configuration_buses"].get(block, {}).get("configuration_columns", {})
                base = code << 23 | half << 22 | int(row) << 17
                addresses = [
                    base | int(column) << 7 | frame
                    for column in sorted(columns, key=int)
                    for frame in range(columns[column]["frame_count"])
                ]
                if addresses:
                    rows.append(addresses)
    return rows


def read_frames(words: bytes, part: Mapping[str, Any]) -> Frames:
    """The frames that a whole bitstream writes. ``words`` are big-endian, as in a ``.bit`` file behind its header.

    Raises :class:`BuildError` where it is cut off, is for another part, or does not write every frame of the part.
    """
    order: list[int | None] = []
    for row in frame_rows(part):
        order += [*row, *[None] * _PADDING]
    places = {address: place for place, address in enumerate(order) if address is not None}
    found: dict[int, npt.NDArray[np.uint32]] = {}
    address = 0
    for register, payload in _writes(words):
        if register == _IDCODE and len(payload):
            _check_identity(int(payload[-1]), int(part["idcode"]))
        elif register == _FAR and len(payload):
            address = int(payload[-1])
        elif register == _FDRI and len(payload):
            if address not in places:
                raise BuildError(f"the bitstream writes frame 0x{address:08x}, which the part does not have")
            _fill(found, payload, order[places[address] :])
    if len(found) != len(places):
        raise BuildError(f"the bitstream writes {len(found):,} of the part's {len(places):,} frames")
    return found


def _check_identity(given: int, wanted: int) -> None:
    mask = (1 << _REVISION_BITS) - 1
    if given & mask != wanted & mask:
        raise BuildError(f"the bitstream is for the part of IDCODE 0x{given:08x}, not 0x{wanted:08x}")


def _fill(found: dict[int, npt.NDArray[np.uint32]], payload: npt.NDArray[np.uint32], order: list[int | None]) -> None:
    if len(payload) % WORDS_PER_FRAME:
        raise BuildError(f"the bitstream writes {len(payload):,} words of frames, allowed: multiples of 101")
    frames = payload.reshape(-1, WORDS_PER_FRAME)
    if len(frames) > len(order):
        raise BuildError(f"the bitstream writes {len(frames):,} frames where the part has {len(order):,} to its end")
    for address, frame in zip(order, frames, strict=False):
        if address is not None:
            found[address] = frame


def _writes(words: bytes) -> Iterator[tuple[int, npt.NDArray[np.uint32]]]:
    """Register and payload of every write behind the sync word."""
    start = words.find(SYNC)
    if start < 0:
        raise BuildError("the bitstream has no sync word")
    stream = np.frombuffer(words[start + len(SYNC) : len(words) // 4 * 4], dtype=">u4").astype(np.uint32)
    at, register, writes = 0, 0, False
    while at < len(stream):
        header = int(stream[at])
        at += 1
        kind = header >> 29
        if kind == 1:
            register, writes = header >> 13 & 0x3FFF, header >> 27 & 3 == 2
            count = header & 0x7FF
        elif kind == 2:
            count = header & 0x7FF_FFFF
        else:
            continue  # dummy words
        if at + count > len(stream):
            raise BuildError(f"the bitstream is cut off: a packet of {count:,} words, {len(stream) - at:,} are left")
        if writes:
            yield register, stream[at : at + count]
        at += count
