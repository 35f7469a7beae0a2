"""A UIO node of the board as a connection: Linux' ``uio`` as a process meets it (drivers/uio/uio.c)."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
import threading
from contextlib import suppress

from gatewright_sim.virtual_board.interrupt import InterruptLine

__all__ = ["OPENED", "serve_interrupt"]

POLL_S = 0.2
OPENED = b"open"
"""Sent first: what happens from now on counts for who opened the node."""


def serve_interrupt(line: InterruptLine, connection: socket.socket) -> None:
    """Send the count whenever it grows; 1 from the process arms the interrupt, 0 masks it. Ends with the connection."""
    ended = threading.Event()
    seen = line.count
    connection.send(OPENED)
    sender = threading.Thread(target=_send_counts, args=(line, seen, connection, ended), daemon=True)
    sender.start()
    try:
        with suppress(ConnectionResetError):  # a process that ends with counts unread
            while word := connection.recv(64):
                if len(word) == 4:
                    line.arm() if any(word) else line.mask()
    finally:
        ended.set()
        sender.join()  # the connection is its, too


def _send_counts(line: InterruptLine, seen: int, connection: socket.socket, ended: threading.Event) -> None:
    while not ended.is_set():
        count = line.wait_count(seen, POLL_S)
        if count is None:
            continue
        seen = count
        if _unread(connection):
            continue  # one read takes all that came since the last
        try:
            connection.send(struct.pack("<I", count))
        except OSError:
            return


def _unread(connection: socket.socket) -> bool:
    """Whether what was sent has not been read yet."""
    return bool(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0])
