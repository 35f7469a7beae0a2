"""``mmio.Mmio``: 32-bit accesses to physical addresses."""

from __future__ import annotations

import threading
from typing import Any

import grpc

from gatewright_sim.virtual_board.board import VirtualBoard
from gatewright_sim.virtual_board.errors import BusError
from gatewright_sim.virtual_board.pynq_remote.calls import Calls, handler
from gatewright_sim.virtual_board.pynq_remote.messages import MESSAGES

__all__ = ["MmioService"]

PAGE = 4096


class MmioService:
    """Mappings by a decimal counter; nobody frees them, and a restart forgets them."""

    name = "mmio.Mmio"

    def __init__(self, board: VirtualBoard, calls: Calls) -> None:
        self._board = board
        self._calls = calls
        self._mappings: list[tuple[int, int]] = []  # base, and the end of its last page
        self._lock = threading.Lock()

    def forget(self) -> None:
        """What the end of the server's process does."""
        with self._lock:
            self._mappings.clear()

    def handlers(self) -> dict[str, Any]:
        """By method."""
        return {
            "get_mmio": handler(self._get, "GetMmioRequest", "GetMmioResponse"),
            "read": handler(self._read, "ReadRequest", "ReadResponse"),
            "write": handler(self._write, "WriteRequest", "WriteResponse"),
        }

    def _get(self, request: Any, context: Any) -> Any:
        with self._calls.guarded(context), self._lock:
            self._board.check()
            self._mappings.append((request.base_addr, -(-(request.base_addr + request.length) // PAGE) * PAGE))
            return MESSAGES["GetMmioResponse"](mmio_id=str(len(self._mappings) - 1))

    def _read(self, request: Any, context: Any) -> Any:
        """32 bits, whatever length is asked for."""
        with self._calls.guarded(context):
            return MESSAGES["ReadResponse"](data=self._board.read32(self._address(request, context)))

    def _write(self, request: Any, context: Any) -> Any:
        """The first four bytes, however many are sent."""
        with self._calls.guarded(context):
            value = int.from_bytes(request.data[:4], "little")
            self._board.write32(self._address(request, context), value)
            return MESSAGES["WriteResponse"]()

    def _address(self, request: Any, context: Any) -> int:
        with self._lock:
            known = request.mmio_id.isdecimal() and int(request.mmio_id) < len(self._mappings)
            base, end = self._mappings[int(request.mmio_id)] if known else (0, 0)
        if not known:
            context.abort(grpc.StatusCode.NOT_FOUND, "MMIO Object not found.")
        address: int = base + request.offset // 4 * 4
        if address + 4 > end:
            raise BusError(f"access to {address:#x} is behind its mapping's last page, which ends at {end:#x}")
        return address
