"""PYNQ.remote's messages, made from a table: fields with their types and numbers are all that a wire knows."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)

__all__ = ["MESSAGES"]

_TABLE = {
    "remote_device": {
        "ReadFileRequest": "string file_path = 1",
        "ReadFileResponse": "bytes data = 1",
        "WriteFileRequest": "string file_path = 1, bytes data = 2",
        "WriteFileResponse": "",
        "ExistsFileRequest": "string file_path = 1",
        "ExistsFileResponse": "bool exists = 1",
        "SetBitstreamAttrsRequest": "string binfile_name = 1, bool partial = 2",
        "SetBitstreamAttrsResponse": "bool status = 1",
    },
    "mmio": {
        "GetMmioRequest": "uint64 base_addr = 1, uint64 length = 2",
        "GetMmioResponse": "bool status = 1, string msg = 2, string mmio_id = 3",
        "ReadRequest": "string mmio_id = 1, uint64 length = 2, uint64 offset = 3, string word_order = 4",
        "ReadResponse": "bool status = 1, string msg = 2, uint32 data = 3",
        "WriteRequest": "string mmio_id = 1, uint64 offset = 2, bytes data = 3",
        "WriteResponse": "bool status = 1, string msg = 2",
    },
    "buffer": {
        "AllocateRequest": "int32 size = 1, string dtype = 2, bool cacheable = 3",
        "AllocateResponse": "string msg = 2, string buffer_id = 3",
        "BufferWriteRequest": "string buffer_id = 1, bytes data = 2, int32 start = 3, int32 end = 4",
        "BufferWriteResponse": "string msg = 2",
        "BufferReadRequest": "string buffer_id = 1, int32 start = 2, int32 end = 3",
        "BufferReadResponse": "string msg = 2, bytes data = 3",
        "FreeBufferRequest": "string buffer_id = 1",
        "FreeBufferResponse": "string msg = 2",
        "FlushRequest": "string buffer_id = 1",
        "FlushResponse": "string msg = 2",
        "InvalidateRequest": "string buffer_id = 1",
        "InvalidateResponse": "string msg = 2",
        "AddressRequest": "string buffer_id = 1",
        "AddressResponse": "string msg = 2, uint64 address = 3",
        "CacheableRequest": "string buffer_id = 1",
        "CacheableResponse": "string msg = 2, bool cacheable = 3",
    },
}


def _make() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()  # its own: pynq registers the same names in the common one
    kinds = {}
    for package, messages in _TABLE.items():
        file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
        for name, fields in messages.items():
            message = file.message_type.add(name=name)
            for kind, field, number in re.findall(r"(\w+) (\w+) = (\d+)", fields):
                message.field.add(
                    name=field,
                    number=int(number),
                    type=getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{kind.upper()}"),
                    label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
                )
        pool.Add(file)
        for name in messages:
            kinds[name] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
    return kinds


MESSAGES = _make()
"""Message classes by name."""
