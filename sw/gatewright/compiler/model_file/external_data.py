"""Weights in files beside the model; both may be symbolic links, as in a download cache."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from onnx import TensorProto

from gatewright.compiler.errors import CompileError
from gatewright.compiler.model_file.source import MOST_BYTES, Source
from gatewright.compiler.model_file.tensors import nbytes, tensors

__all__ = ["read_external_data"]


def read_external_data(source: Source) -> None:
    """Bring all external data into the model's tensors.

    A location is a path relative to the model, without "..". It is looked for beside the model and beside the file that
    the model links to; what it links to itself may lie anywhere.

    Raises `CompileError` naming the tensor and the file for a location that is no such path, a file that is missing or
    too short, an extent that does not fit the tensor's dims, and more weights than a model holds.
    """
    outside = [tensor for _, tensor in tensors(source.proto) if _is_outside(tensor)]
    total = 0
    extents = []
    for tensor in outside:
        extents.append(_extent(tensor, source))
        total += extents[-1][2]
        if total > MOST_BYTES:
            raise CompileError(f"{source.label} has {total:,} bytes of weights or more, allowed {MOST_BYTES:,}")
    for tensor, (path, offset, length) in zip(outside, extents, strict=True):
        try:
            with path.open("rb") as file:
                file.seek(offset)
                tensor.raw_data = file.read(length)
        except OSError as error:
            raise CompileError(
                f"{source.label}: the external data of tensor {tensor.name} cannot be read: {error}"
            ) from None
        tensor.ClearField("external_data")
        tensor.data_location = TensorProto.DEFAULT


def _is_outside(tensor: TensorProto) -> bool:
    return bool(tensor.HasField("data_location") and tensor.data_location == TensorProto.EXTERNAL)


def _named(tensor: TensorProto, source: Source) -> str:
    return f"{source.label}: the external data of tensor {tensor.name}"


def _extent(tensor: TensorProto, source: Source) -> tuple[Path, int, int]:
    """File, offset and length of a tensor's data."""
    named, folders = _named(tensor, source), source.folders
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if not folders:
        raise CompileError(
            f"tensor {tensor.name} lies in the external file {location!r}: allowed with a path to the model, or load "
            "it with onnx.load first"
        )
    relative = PurePosixPath(location)
    if not location or relative.is_absolute() or ".." in relative.parts or "\0" in location:
        raise CompileError(f"{named} lies in {location!r}, allowed is a path beneath the model's folder")
    if tensor.data_type == TensorProto.STRING:
        raise CompileError(f"{named} are strings, allowed are numbers")
    needed = nbytes(tensor, f"tensor {tensor.name}")
    offset, length = (_number(entries, key, default, named) for key, default in (("offset", 0), ("length", needed)))
    if length != needed:
        raise CompileError(f"{named} has {length:,} bytes, but dims {list(tensor.dims)} need {needed:,}")
    path = next((folder / relative for folder in folders if (folder / relative).is_file()), None)
    if path is None:
        raise CompileError(f"{named} is missing, expected in {folders[0] / relative}")
    there = path.stat().st_size
    if there < offset + length:
        raise CompileError(f"{named} is cut off, {path} has {there:,} of at least {offset + length:,} bytes")
    return path, offset, length


def _number(entries: dict[str, str], key: str, default: int, named: str) -> int:
    text = entries.get(key, str(default))
    if not (text.isascii() and text.isdigit()):
        raise CompileError(f"{named} has {key} {text!r}, allowed is a number of bytes")
    return int(text)
