"""A UIO node: counts come when an armed line is high, one read takes all, and 0 masks."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from gatewright_sim.virtual_board.interrupt import InterruptLine
from gatewright_sim.virtual_board.local.interrupt_node import OPENED, serve_interrupt

ARM, MASK = struct.pack("<I", 1), struct.pack("<I", 0)


class Node:
    """What a process has of it."""

    def __init__(self) -> None:
        self.line = InterruptLine()
        self.process, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process.settimeout(10)
        self.thread = threading.Thread(target=serve_interrupt, args=(self.line, ours))
        self.thread.start()
        assert self.process.recv(4) == OPENED

    def read(self) -> int:
        return struct.unpack("<I", self.process.recv(4))[0]

    def quiet(self) -> bool:
        """Whether nothing comes for a while."""
        self.process.settimeout(0.05)
        try:
            self.process.recv(4)
        except TimeoutError:
            return True
        finally:
            self.process.settimeout(10)
        return False


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    with made.process:
        yield made
    made.thread.join(10)
    assert not made.thread.is_alive()


def test_a_high_line_is_taken_once_until_it_is_armed(node: Node) -> None:
    assert node.quiet()
    node.line.drive(True)
    assert node.read() == 1
    assert node.quiet()
    node.process.send(ARM)
    assert node.read() == 2


def test_a_low_line_is_not_taken(node: Node) -> None:
    node.line.drive(True)
    assert node.read() == 1
    node.line.drive(False)
    node.process.send(ARM)
    assert node.quiet()
    node.line.drive(True)
    assert node.read() == 2


def test_a_masked_line_waits(node: Node) -> None:
    node.process.send(MASK)
    assert node.quiet()
    node.line.drive(True)
    assert node.quiet()
    node.process.send(ARM)
    assert node.read() == 1


@pytest.mark.parametrize("word", [b"\0\0\0\1", b"\1\0\0\0"])
def test_any_number_but_0_arms(word: bytes, node: Node) -> None:
    node.process.send(MASK)
    assert node.quiet()
    node.line.drive(True)
    node.process.send(word)
    assert node.read() == 1


def test_counts_that_nobody_reads_do_not_pile_up(node: Node) -> None:
    node.line.drive(True)
    for _ in range(5):
        node.process.send(ARM)
    assert node.read() >= 1
    assert node.line.wait_count(5, 10) is not None
