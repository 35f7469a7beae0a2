"""Answers the processes on a board: registers, buffers, interrupts and files with effects, over a Unix socket."""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gatewright.spec.errors import GatewrightError
from gatewright_sim.virtual_board import BoardFrozen, BusError, VirtualBoard
from gatewright_sim.virtual_board.local import memory_bus
from gatewright_sim.virtual_board.local.buffers import Buffers
from gatewright_sim.virtual_board.local.interrupt_node import serve_interrupt
from gatewright_sim.virtual_board.local.protocol import HEAD, MAX_PACKET, Op, packet
from gatewright_sim.virtual_board.local.root import Root

__all__ = ["Server"]

_RANGE = struct.Struct("<QQ")


class Server:
    """Listens on ``path`` until it is closed; a thread for each connection.

    Parameters
    ----------
    board : whose processes.
    root : the folder with its files.
    path : of the socket.

    Attributes
    ----------
    frozen : set when an access found the board frozen; who made it waits for ever.
    processes : numbers of those that are connected.
    """

    def __init__(self, board: VirtualBoard, root: Root, path: Path) -> None:
        self.board = board
        self.root = root
        self.frozen = threading.Event()
        self.processes: set[int] = set()
        self._buffers = Buffers(board)
        self._closed = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folder = os.open(path.parent, os.O_PATH)
        try:
            self._listener.bind(f"/proc/self/fd/{folder}/{path.name}")  # an address has no room for a long path
        finally:
            os.close(folder)
        self._listener.listen(64)
        threading.Thread(target=self._accept, name="local board", daemon=True).start()

    def close(self) -> None:
        """End every connection."""
        self._closed.set()
        with self._lock:
            for each in (self._listener, *self._connections):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    # ---- connections

    def _accept(self) -> None:
        with self._listener:
            while not self._closed.is_set():
                try:
                    connection, _ = self._listener.accept()
                except OSError:
                    return
                with self._lock:
                    self._connections.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                op, value, data = _unpack(connection.recv(MAX_PACKET))
                if op == Op.PROCESS:
                    self._serve_process(connection, value)
                elif op == Op.INTERRUPT:
                    serve_interrupt(self.board.line, connection)
                elif op == Op.WRITE_FILE:
                    self._serve_file(connection, data.decode())
            except BoardFrozen:
                self.frozen.set()
                self._closed.wait()  # no answer comes
            except (OSError, EOFError):
                pass  # whoever it was has gone
        with self._lock:
            self._connections.discard(connection)

    def _serve_file(self, connection: socket.socket, path: str) -> None:
        while content := connection.recv(MAX_PACKET):
            error = 0
            try:
                self.root.write(path, content)
            except OSError as failed:
                error = failed.errno or errno.EIO
            connection.send(struct.pack("<i", error))

    def _serve_process(self, connection: socket.socket, pid: int) -> None:
        own: set[int] = set()
        self.processes.add(pid)
        handlers = self._handlers(own)
        try:
            while request := connection.recv(MAX_PACKET):
                op, size, address, value = HEAD.unpack_from(request)
                connection.send(_answer(handlers[op], address, value, request[HEAD.size : HEAD.size + size]))
        finally:
            self.processes.discard(pid)
            for number in own:
                self._buffers.free(number)

    # ---- requests

    def _handlers(self, own: set[int]) -> dict[int, Callable[[int, int, bytes], bytes]]:
        """What answers each operation of a process that owns these buffers: address, value, data to a packet."""
        buffers, board = self._buffers, self.board

        def read(address: int, size: int, _: bytes) -> bytes:
            return packet(0, data=memory_bus.read(board, address, size))

        def write(address: int, _: int, data: bytes) -> bytes:
            memory_bus.write(board, address, data)
            return packet(0)

        def allocate(nbytes: int, cacheable: int, _: bytes) -> bytes:
            number = buffers.allocate(nbytes, cacheable=bool(cacheable))
            own.add(number)
            return packet(0, value=number)

        def free(number: int, _: int, __: bytes) -> bytes:
            own.discard(number)
            buffers.free(number)
            return packet(0)

        def describe(number: int, _: int, __: bytes) -> bytes:
            buffer = buffers[number]
            return packet(0, address=buffer.address, value=buffer.nbytes)

        def map_(number: int, _: int, __: bytes) -> bytes:
            buffer = buffers[number]
            image = buffer.memory.cache if buffer.cacheable else buffer.memory.dram
            return packet(0, value=buffer.offset, data=image.path.encode() + b"\0")

        def sync(number: int, from_device: int, data: bytes) -> bytes:
            board.check()
            buffer = buffers[number]
            start, size = _RANGE.unpack(data)
            if start + size > buffer.nbytes:
                return packet(errno.EINVAL)
            (buffer.sync_for_cpu if from_device else buffer.sync_for_device)(start, start + size)
            return packet(0)

        def refresh(_: int, __: int, data: bytes) -> bytes:
            self.root.refresh(data.decode())
            return packet(0)

        return {
            Op.READ: read,
            Op.WRITE: write,
            Op.ALLOCATE: allocate,
            Op.FREE: free,
            Op.DESCRIBE: describe,
            Op.MAP: map_,
            Op.SYNC: sync,
            Op.REFRESH: refresh,
        }


def _answer(handler: Callable[[int, int, bytes], bytes], address: int, value: int, data: bytes) -> bytes:
    """The packet, or one with the error; a frozen board gives none."""
    try:
        return handler(address, value, data)
    except BoardFrozen:
        raise
    except KeyError:
        return packet(errno.ENOENT)
    except BusError as error:
        return packet(errno.EFAULT, data=str(error).encode() + b"\0")
    except GatewrightError:
        return packet(errno.ENOMEM)


def _unpack(first: bytes) -> tuple[int, int, bytes]:
    """Operation, value and data. Raises :class:`EOFError` where the connection ended at once."""
    if len(first) < HEAD.size:
        raise EOFError
    op, size, _, value = HEAD.unpack_from(first)
    return op, value, first[HEAD.size : HEAD.size + size]
