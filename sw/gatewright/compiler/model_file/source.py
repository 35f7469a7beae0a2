"""The bytes of a model, from wherever they come, and what they are when they are no model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from gatewright.compiler.errors import CompileError

__all__ = ["MOST_BYTES", "Source", "parse"]

MOST_BYTES = (1 << 31) - 1
"""Of a model, its weights included: ONNX Runtime gets it as one protobuf message, which holds no more."""

_OTHER_KINDS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "run `git lfs pull`"),
    (b"PK\x03\x04", "a zip archive", "unpack it, or export a PyTorch checkpoint with torch.onnx.export"),
    (b"\x89HDF", "an HDF5 file", "convert it with tf2onnx"),
    (b"{", "JSON text", "convert it with onnx.save(onnx.load(path, format='json'), 'model.onnx')"),
    (b"<", "text", "convert it with onnx.save(onnx.load(path, format='onnxtxt'), 'model.onnx')"),
    (b"ir_version:", "text", "convert it with onnx.save(onnx.load(path, format='textproto'), 'model.onnx')"),
)
"""How files begin that people take for a model, what they are, and what to do about it."""

_ORT_FORMAT = b"ORTM"
"""Bytes 4 to 7 of a model in ONNX Runtime's own format."""


@dataclass(frozen=True)
class Source:
    """A parsed model that nobody else holds.

    Attributes
    ----------
    label : what to call it in errors.
    folders : where its external data may lie: beside the file, and beside what it links to. Empty for bytes.
    """

    proto: onnx.ModelProto
    label: str
    folders: tuple[Path, ...] = ()


def parse(source: str | Path | bytes | onnx.ModelProto) -> Source:
    """The model of a file, of the bytes of a file, or a copy of a parsed one.

    Raises `CompileError` for a file that is missing, unreadable or too large, and for bytes that are no ONNX model.
    """
    if isinstance(source, onnx.ModelProto):
        nbytes = sum(len(tensor.raw_data) for tensor in source.graph.initializer)
        if nbytes > MOST_BYTES:
            raise CompileError(f"the model has {nbytes:,} bytes of weights, allowed at most {MOST_BYTES:,}")
        proto = onnx.ModelProto()
        proto.CopyFrom(source)
        return _checked(Source(proto, "the model"))
    if isinstance(source, bytes | bytearray | memoryview):
        return _checked(Source(_decode(bytes(source), "the model"), "the model"))
    path = Path(source)
    proto = _decode(_read(path), str(source))
    folders = dict.fromkeys((path.parent, path.resolve().parent))
    return _checked(Source(proto, str(source), tuple(folders)))


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise CompileError(f"{path} is a folder, allowed is an ONNX file")
        if path.is_symlink() and not path.exists():
            raise CompileError(f"{path}: no such file, it links to {path.readlink()}, which is missing")
        if not path.is_file():
            raise CompileError(f"{path}: no such file, allowed is an ONNX file")
        nbytes = path.stat().st_size
        if nbytes > MOST_BYTES:
            raise CompileError(f"{path} has {nbytes:,} bytes, allowed at most {MOST_BYTES:,}")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a ValueError for a path with a NUL
        raise CompileError(f"{path} cannot be read: {error}") from None


def _decode(data: bytes, label: str) -> onnx.ModelProto:
    if not data:
        raise CompileError(f"{label} is no ONNX model: it is empty")
    for start, kind, advice in _OTHER_KINDS:
        if data.startswith(start):
            raise CompileError(f"{label} is no ONNX model: it is {kind}; {advice}")
    if data[4:8] == _ORT_FORMAT:
        raise CompileError(f"{label} is no ONNX model: it is in ONNX Runtime's own format; compile the .onnx file")
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError:
        raise CompileError(f"{label} is no ONNX model: not a protobuf, or truncated") from None
    return proto


def _checked(source: Source) -> Source:
    proto, label = source.proto, source.label
    if not proto.HasField("graph") or not proto.graph.output:
        raise CompileError(f"{label} is no ONNX model: it has no graph with outputs")
    if proto.ir_version > onnx.IR_VERSION:
        raise CompileError(
            f"{label} has IR version {proto.ir_version}, allowed are versions up to {onnx.IR_VERSION}; "
            "upgrade onnx, or save the model with an older one"
        )
    return source
