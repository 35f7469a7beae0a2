"""Which files beside a model hold its weights, so that nothing is written over them."""

import os
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx.external_data_helper import _get_all_tensors, uses_external_data

__all__ = ["external_files"]


def external_files(model: Path) -> list[Path]:
    """The files that the model at ``model`` names; none where there is no model, which to say is for who reads it."""
    try:
        proto = onnx.load(model, format="protobuf", load_external_data=False)
    except (OSError, DecodeError):
        return []
    tensors = filter(uses_external_data, _get_all_tensors(proto))
    entries = [entry for tensor in tensors for entry in tensor.external_data if entry.key == "location"]
    names = {os.fsdecode(entry.value) for entry in entries}  # bytes, where they are not UTF-8
    return [model.parent / name for name in sorted(names) if "\0" not in name]
