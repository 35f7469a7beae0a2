"""``remote_device.RemoteDevice``: files, and through them the FPGA manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from gatewright_sim.virtual_board.board import VirtualBoard
from gatewright_sim.virtual_board.log import Level
from gatewright_sim.virtual_board.pynq_remote.calls import Calls, handler
from gatewright_sim.virtual_board.pynq_remote.messages import MESSAGES

__all__ = ["DeviceService"]

READ_CHUNK = 1024


class DeviceService:
    """Reads and writes files without a look at whether that worked."""

    name = "remote_device.RemoteDevice"

    def __init__(self, board: VirtualBoard, calls: Calls) -> None:
        self._board = board
        self._calls = calls

    def handlers(self) -> dict[str, Any]:
        """By method."""
        attributes = ("SetBitstreamAttrsRequest", "SetBitstreamAttrsResponse")
        return {
            "existsfile": handler(self._exists, "ExistsFileRequest", "ExistsFileResponse"),
            "readfile": handler(self._read, "ReadFileRequest", "ReadFileResponse", gives_stream=True),
            "writefile": handler(self._write, "WriteFileRequest", "WriteFileResponse", takes_stream=True),
            "set_bitstream_attrs": handler(lambda request, context: MESSAGES[attributes[1]](), *attributes),
        }

    def _exists(self, request: Any, context: Any) -> Any:
        with self._calls.guarded(context):
            self._board.check()
            return MESSAGES["ExistsFileResponse"](exists=self._board.files.exists(request.file_path))

    def _read(self, request: Any, context: Any) -> Iterator[Any]:
        with self._calls.guarded(context):
            self._board.check()
            try:
                content = self._board.files.read(request.file_path)
            except OSError:
                context.abort(grpc.StatusCode.NOT_FOUND, "File not found")
        for start in range(0, len(content), READ_CHUNK):
            yield MESSAGES["ReadFileResponse"](data=content[start : start + READ_CHUNK])

    def _write(self, requests: Iterator[Any], context: Any) -> Any:
        """The first message's path counts. A file that fails as it is closed, as the FPGA manager's, fails in silence;
        a client that vanishes leaves what it has sent."""
        first: Any = next(requests, None)
        if first is None:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "No file path provided")
        files, path, content = self._board.files, first.file_path, bytearray(first.data)
        with self._calls.guarded(context):
            self._board.check()
            if not files.can_write(path):
                context.abort(grpc.StatusCode.INTERNAL, "Failed to open file for writing")
            try:
                for request in requests:
                    content += request.data
            finally:
                try:
                    files.write(path, bytes(content))
                except OSError as error:
                    self._board.log.add(Level.WARNING, f"PYNQ.remote says nothing of a failed write: {path}: {error}")
        return MESSAGES["WriteFileResponse"]()
