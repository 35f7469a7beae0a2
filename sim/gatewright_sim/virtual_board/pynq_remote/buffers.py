"""``buffer.RemoteBuffer``: contiguous memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import grpc

from gatewright.driver.errors import OutOfDeviceMemory
from gatewright_sim.virtual_board.board import VirtualBoard
from gatewright_sim.virtual_board.log import Level
from gatewright_sim.virtual_board.memory import Buffer
from gatewright_sim.virtual_board.pynq_remote.calls import Calls, handler
from gatewright_sim.virtual_board.pynq_remote.messages import MESSAGES

__all__ = ["BufferService"]

READ_CHUNK = 1 << 20
FIRST_ID, ID_STEP = 0x5580_0000_0010, 0x50
"""Ids look like pointers."""


class BufferService:
    """Buffers by id. Those of a client that vanishes stay, as with the real server, until it ends."""

    name = "buffer.RemoteBuffer"

    def __init__(self, board: VirtualBoard, calls: Calls) -> None:
        self._board = board
        self._calls = calls
        self._buffers: dict[str, Buffer] = {}
        self._next = FIRST_ID
        self._lock = threading.Lock()

    def forget(self) -> None:
        """What the end of the server's process does: Linux takes its buffers back."""
        with self._lock:
            for buffer in self._buffers.values():
                buffer.free()
            self._buffers.clear()

    def handlers(self) -> dict[str, Any]:
        """By method."""
        return {
            "allocate": handler(self._allocate, "AllocateRequest", "AllocateResponse"),
            "write": handler(self._write, "BufferWriteRequest", "BufferWriteResponse", takes_stream=True),
            "read": handler(self._read, "BufferReadRequest", "BufferReadResponse", gives_stream=True),
            "freebuffer": handler(self._free, "FreeBufferRequest", "FreeBufferResponse"),
            "flush": handler(self._flush, "FlushRequest", "FlushResponse"),
            "invalidate": handler(self._invalidate, "InvalidateRequest", "InvalidateResponse"),
            "physical_address": handler(self._physical, "AddressRequest", "AddressResponse"),
            "virtual_address": handler(self._virtual, "AddressRequest", "AddressResponse"),
            "cacheable": handler(self._cacheable, "CacheableRequest", "CacheableResponse"),
        }

    def _allocate(self, request: Any, context: Any) -> Any:
        """Where there is no memory, the answer is empty and no error."""
        with self._calls.guarded(context):
            try:
                buffer = self._board.allocate(request.size, cacheable=request.cacheable)
            except (OutOfDeviceMemory, ValueError) as error:
                self._board.log.add(Level.WARNING, f"allocation fails in silence: {error}")
                return MESSAGES["AllocateResponse"]()
        with self._lock:
            name = f"{self._next:#x}"
            self._next += ID_STEP
            self._buffers[name] = buffer
        return MESSAGES["AllocateResponse"](buffer_id=name)

    def _write(self, requests: Iterator[Any], context: Any) -> Any:
        """From the buffer's start, whatever range is named; what fits is kept where more is sent."""
        response, at, buffer = MESSAGES["BufferWriteResponse"], 0, None
        for request in requests:
            with self._calls.guarded(context):
                self._board.check()
            if buffer is None:
                buffer = self._find(request.buffer_id)
            if buffer is None:
                return response(msg="Buffer not found.")
            data = memoryview(request.data)
            if at + len(data) > buffer.nbytes:
                return response(msg="Buffer overflow.")
            buffer.cpu.data[at : at + len(data)] = data
            at += len(data)
        return response()

    def _read(self, request: Any, context: Any) -> Iterator[Any]:
        """All of it, whatever range is named."""
        buffer = self._live(request, context)
        content = buffer.cpu
        for start in range(0, buffer.nbytes, READ_CHUNK):
            yield MESSAGES["BufferReadResponse"](data=content[start : start + READ_CHUNK].tobytes())

    def _free(self, request: Any, context: Any) -> Any:
        buffer = self._live(request, context)
        with self._lock:
            self._buffers.pop(request.buffer_id, None)
        buffer.free()
        return MESSAGES["FreeBufferResponse"]()

    def _flush(self, request: Any, context: Any) -> Any:
        self._live(request, context).sync_for_device()
        return MESSAGES["FlushResponse"]()

    def _invalidate(self, request: Any, context: Any) -> Any:
        self._live(request, context).sync_for_cpu()
        return MESSAGES["InvalidateResponse"]()

    def _physical(self, request: Any, context: Any) -> Any:
        return MESSAGES["AddressResponse"](address=self._live(request, context).address)

    def _virtual(self, request: Any, context: Any) -> Any:
        return MESSAGES["AddressResponse"](address=self._live(request, context).cpu.ctypes.data)

    def _cacheable(self, request: Any, context: Any) -> Any:
        return MESSAGES["CacheableResponse"](cacheable=self._live(request, context).cacheable)

    def _find(self, name: str) -> Buffer | None:
        with self._lock:
            return self._buffers.get(name)

    def _live(self, request: Any, context: Any) -> Buffer:
        with self._calls.guarded(context):
            self._board.check()
        buffer = self._find(request.buffer_id)
        if buffer is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "Buffer not found.")
        assert buffer is not None
        return buffer
