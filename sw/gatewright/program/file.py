"""Program files (``.gwp``): one file that holds all of a :class:`CompiledProgram`.

The layout, numbers little-endian:

    bytes        what
    0..7         the magic bytes
    8..11        format version, u32
    12..15       bytes of the header, u32
    16..23       bytes of the file, u64
    24..55       SHA-256 of all bytes before and after it
    56..         header: JSON (UTF-8), see :mod:`gatewright.program.header`
    after it     blobs, one after the other: the image and the host steps' models; their sizes stand in the header
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from gatewright.files import reason, written_whole
from gatewright.program.check import check
from gatewright.program.compiled import FORMAT_VERSION, CompiledProgram
from gatewright.program.errors import DamagedProgram, ProgramError, UnsupportedProgram
from gatewright.program.header import pack, unpack

__all__ = ["MAGIC", "load_program", "program_parts", "save_program", "sealed_parts"]

MAGIC = b"\x89GWP\r\n\x1a\n"
"""As PNG's: not text, and changed by whatever translates line ends or clears the eighth bit."""

_PREFIX = struct.Struct("<8sIIQ")
_DIGEST_BYTES = hashlib.sha256().digest_size
_HEADER_AT = _PREFIX.size + _DIGEST_BYTES


def program_parts(program: CompiledProgram) -> list[bytes | memoryview]:
    """A program file's contents, in parts that follow one another. Raises :class:`ProgramError`."""
    check(program)
    blobs: list[bytes | memoryview] = []
    fields = pack(program, blobs)
    header = json.dumps({"blobs": [len(blob) for blob in blobs], "program": fields}, allow_nan=False).encode()
    return sealed_parts(header, blobs)


def sealed_parts(header: bytes, blobs: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    """A file around any header and blobs, its sizes and its checksum those of its contents."""
    total = _HEADER_AT + len(header) + sum(map(len, blobs))
    prefix = _PREFIX.pack(MAGIC, FORMAT_VERSION, len(header), total)
    digest = hashlib.sha256(prefix)
    for part in (header, *blobs):
        digest.update(part)
    return [prefix, digest.digest(), header, *blobs]


def save_program(program: CompiledProgram, path: str | Path) -> None:
    """Write ``program`` to ``path``, whole or not at all. Raises :class:`ProgramError`."""
    parts = program_parts(program)
    try:
        with written_whole(path) as file:
            for part in parts:
                file.write(part)
    except OSError as error:
        raise ProgramError(f"program file {path} cannot be written: {reason(error)}") from error


def load_program(path: str | Path) -> CompiledProgram:
    """The program in the file at ``path``; its arrays are read-only.

    Raises :class:`ProgramError` where there is no such file, :class:`DamagedProgram` where it is no whole program, and
    :class:`UnsupportedProgram` for another format version or contract.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise ProgramError(f"program file {path} does not exist") from None
    except OSError as error:
        raise ProgramError(f"program file {path} cannot be read: {reason(error)}") from error
    try:
        program = _parse(data)
        check(program)
    except ProgramError as error:
        said = " ".join(str(error).split())  # what it quotes may hold line ends
        raise type(error)(f"program file {path}: {said}") from error
    return program


def _parse(data: bytes) -> CompiledProgram:
    view = memoryview(data)
    if not data.startswith(MAGIC[: len(data)] or MAGIC):
        raise DamagedProgram("not a program file: its first bytes are not a program's")
    if len(data) < _HEADER_AT:
        raise DamagedProgram(f"truncated: {len(data)} bytes, a program has at least {_HEADER_AT}")
    _, version, header_bytes, total = _PREFIX.unpack_from(data)
    if version != FORMAT_VERSION:
        raise UnsupportedProgram(f"format version {version}, this release reads version {FORMAT_VERSION}")
    if len(data) != total:
        what = "truncated" if len(data) < total else "damaged"
        raise DamagedProgram(f"{what}: {len(data):,} bytes, it was written with {total:,}")
    digest = hashlib.sha256(view[: _PREFIX.size])
    digest.update(view[_HEADER_AT:])
    if digest.digest() != data[_PREFIX.size : _HEADER_AT]:
        raise DamagedProgram("damaged: its checksum does not match its contents")
    start = _HEADER_AT + header_bytes
    header = _json(data[_HEADER_AT:start])
    sizes = unpack(tuple[int, ...], header.get("blobs"), "blobs", ())
    ends = list(accumulate(sizes, initial=start))
    if start > total or min(sizes, default=0) < 0 or ends[-1] != total:
        raise DamagedProgram("header fields blobs do not fit the file")
    blobs = [view[end - size : end] for size, end in zip(sizes, ends[1:], strict=True)]
    program: CompiledProgram = unpack(CompiledProgram, header.get("program"), "program", blobs)
    return program


def _json(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedProgram(f"the header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise DamagedProgram(f"the header is a {type(header).__name__}, allowed: dict")
    return header
