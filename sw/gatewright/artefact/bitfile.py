"""The ``.bit`` file: a header of tagged strings, then configuration words, as PYNQ and the vendor's tools read it.

The words: UG470, 7 Series FPGAs Configuration, "Configuration Packets". Linux' FPGA manager takes them little-endian.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gatewright.artefact.errors import ArtefactError
from gatewright.files import reason

__all__ = ["SYNC", "SYNC_WITHIN", "BitFile", "idcode", "read_bit", "swapped", "synchronised"]

_MAGIC = bytes.fromhex("00090ff00ff00ff00ff0000001")
_STRINGS = ("a", "b", "c", "d")
SYNC = bytes.fromhex("aa995566")
SYNC_WITHIN = 128
"""Linux' zynq-fpga looks for the sync word in so many bytes from the start."""
_LONGEST = 0x7FFF
"""PYNQ reads a field's length as a signed number of 16 bits."""
_WRITE_IDCODE = 0x3001_8001
"""The packet that writes one word to the register IDCODE."""


@dataclass(frozen=True)
class BitFile:
    """A bitstream and its header.

    Parameters
    ----------
    design : free text; ours is a :func:`~gatewright.artefact.header.header`, so that a new handoff makes a new file.
    part : of the FPGA.
    date, time : of the build, ``2026/01/31`` and ``12:00:00``.
    words : the configuration words, big-endian.
    """

    design: str
    part: str
    date: str
    time: str
    words: bytes

    @classmethod
    def built(cls, design: str, part: str, words: bytes, when: datetime) -> BitFile:
        """A bitstream built at ``when``."""
        return cls(design, part, f"{when:%Y/%m/%d}", f"{when:%H:%M:%S}", words)

    def to_bytes(self) -> bytes:
        """The file. Raises :class:`ArtefactError` where a string is one that PYNQ could not read."""
        header = _MAGIC
        for tag, text in zip(_STRINGS, (self.design, self.part, self.date, self.time), strict=True):
            if not text.isascii() or "\0" in text or len(text) >= _LONGEST:
                raise ArtefactError(f"bitstream header: {text[:80]!r}, allowed: ASCII of less than {_LONGEST} letters")
            header += tag.encode() + struct.pack(">H", len(text) + 1) + text.encode() + b"\0"
        return header + b"e" + struct.pack(">I", len(self.words)) + self.words

    def to_bin(self) -> bytes:
        """What Linux' FPGA manager takes: the words in the other byte order."""
        return swapped(self.words)

    @property
    def sha256(self) -> str:
        """Of the whole file."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def words_sha256(self) -> str:
        """Of the words alone, which is what reaches a board."""
        return hashlib.sha256(self.words).hexdigest()


def swapped(words: bytes) -> bytes:
    """Each 32-bit word's bytes in the other order."""
    count = len(words) // 4
    return struct.pack(f"<{count}I", *struct.unpack(f">{count}I", words))


def synchronised(words: bytes) -> int | None:
    """Where the packets begin, behind the sync word; None where Linux, which looks at multiples of 4, finds none."""
    for at in range(0, min(len(words), SYNC_WITHIN) - 3, 4):
        if words[at : at + 4] == SYNC:
            return at + 4
    return None


def idcode(words: bytes) -> int | None:
    """The part's JTAG identity that the bitstream checks before it configures, bits 27 to 0; None where it names none.

    ``words`` are big-endian. Packets before that one are short: all of type 1 (UG470, table 5-20).
    """
    at = synchronised(words)
    while at is not None and at + 8 <= len(words):
        packet, value = struct.unpack_from(">2I", words, at)
        if packet == _WRITE_IDCODE:
            return int(value) & 0xFFF_FFFF
        if packet >> 29 != 1:
            return None
        at += 4 * (1 + (packet & 0x7FF))
    return None


def read_bit(path: str | Path) -> BitFile:
    """The bitstream at ``path``. Raises :class:`ArtefactError` that says where it ends too early or what is wrong."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ArtefactError(f"bitstream {path}: {reason(error)}") from None
    try:
        return _parsed(content)
    except ArtefactError as error:
        raise ArtefactError(f"bitstream {path}: {error}") from None


def _parsed(content: bytes) -> BitFile:
    if len(content) < 2:
        raise ArtefactError(f"it has {len(content)} bytes, which is no .bit file")
    (length,) = struct.unpack_from(">H", content)
    at = 2 + length + 2
    texts = []
    for tag in _STRINGS:
        if content[at : at + 1] != tag.encode():
            raise ArtefactError(f"field {tag!r} of the header is missing at byte {at}")
        if at + 3 > len(content):
            raise ArtefactError(f"it ends inside of its header, at byte {len(content)}")
        (length,) = struct.unpack_from(">H", content, at + 1)
        raw = content[at + 3 : at + 3 + length]
        if len(raw) < length or not raw.endswith(b"\0"):
            raise ArtefactError(f"field {tag!r} of the header is cut off")
        try:
            texts.append(raw[:-1].decode("ascii"))
        except UnicodeDecodeError:
            raise ArtefactError(f"field {tag!r} of the header is not ASCII") from None
        at += 3 + length
    if content[at : at + 1] != b"e" or at + 5 > len(content):
        raise ArtefactError(f"field 'e' of the header, the length, is missing at byte {at}")
    (length,) = struct.unpack_from(">I", content, at + 1)
    words = content[at + 5 :]
    if len(words) != length:
        raise ArtefactError(f"it holds {len(words):,} bytes of configuration, its header says {length:,}: truncated?")
    if length % 4:
        raise ArtefactError(f"its configuration has {length:,} bytes, allowed: multiples of 4")
    if synchronised(words) is None:
        raise ArtefactError(f"no sync word {SYNC.hex()} in the first {SYNC_WITHIN} bytes of configuration")
    design, part, date, time = texts
    return BitFile(design, part, date, time, words)
