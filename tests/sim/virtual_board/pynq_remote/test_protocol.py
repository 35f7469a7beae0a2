"""The server's oddities, one by one, through the stubs of PYNQ's own client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from gatewright.spec.errors import GatewrightError
from gatewright_sim.virtual_board import Level, VirtualBoard
from gatewright_sim.virtual_board.pynq_remote import PynqRemoteServer, WhenFrozen

pytest.importorskip("pynq")
from pynq.remote import buffer_pb2, buffer_pb2_grpc, mmio_pb2, mmio_pb2_grpc, remote_device_pb2, remote_device_pb2_grpc

BASE = 0x4000_0000
SLCR = 0xF800_0000
TIMEOUT_S = 30


class Client:
    """The three stubs of a client, each call with a deadline."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._device = remote_device_pb2_grpc.RemoteDeviceStub(self.channel)
        self._mmio = mmio_pb2_grpc.MmioStub(self.channel)
        self._buffer = buffer_pb2_grpc.RemoteBufferStub(self.channel)

    def exists(self, path: str) -> bool:
        return self._device.existsfile(remote_device_pb2.ExistsFileRequest(file_path=path), timeout=TIMEOUT_S).exists

    def chunks(self, path: str) -> list[bytes]:
        request = remote_device_pb2.ReadFileRequest(file_path=path)
        return [part.data for part in self._device.readfile(request, timeout=TIMEOUT_S)]

    def write_file(self, *parts: tuple[str, bytes]) -> None:
        requests = [remote_device_pb2.WriteFileRequest(file_path=path, data=data) for path, data in parts]
        self._device.writefile(iter(requests), timeout=TIMEOUT_S)

    def map(self, base: int, length: int) -> str:
        request = mmio_pb2.GetMmioRequest(base_addr=base, length=length)
        return self._mmio.get_mmio(request, timeout=TIMEOUT_S).mmio_id

    def read(self, name: str, offset: int, length: int = 4, timeout: float = TIMEOUT_S) -> int:
        request = mmio_pb2.ReadRequest(mmio_id=name, offset=offset, length=length)
        return self._mmio.read(request, timeout=timeout).data

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._mmio.write(mmio_pb2.WriteRequest(mmio_id=name, offset=offset, data=data), timeout=TIMEOUT_S)

    def allocate(self, nbytes: int) -> str:
        request = buffer_pb2.AllocateRequest(size=nbytes, dtype="|u1", cacheable=True)
        return self._buffer.allocate(request, timeout=TIMEOUT_S).buffer_id

    def write_buffer(self, *parts: tuple[str, bytes], start: int = 0) -> str:
        requests = [buffer_pb2.BufferWriteRequest(buffer_id=name, data=data, start=start) for name, data in parts]
        return self._buffer.write(iter(requests), timeout=TIMEOUT_S).msg

    def read_buffer(self, name: str) -> list[bytes]:
        request = buffer_pb2.BufferReadRequest(buffer_id=name, start=4, end=8)
        return [part.data for part in self._buffer.read(request, timeout=TIMEOUT_S)]

    def flush(self, name: str) -> None:
        self._buffer.flush(buffer_pb2.FlushRequest(buffer_id=name), timeout=TIMEOUT_S)

    def invalidate(self, name: str) -> None:
        self._buffer.invalidate(buffer_pb2.InvalidateRequest(buffer_id=name), timeout=TIMEOUT_S)

    def address(self, name: str) -> int:
        return self._buffer.physical_address(buffer_pb2.AddressRequest(buffer_id=name), timeout=TIMEOUT_S).address

    def free(self, name: str) -> None:
        self._buffer.freebuffer(buffer_pb2.FreeBufferRequest(buffer_id=name), timeout=TIMEOUT_S)


@pytest.fixture
def serve(board: VirtualBoard) -> Iterator[Callable[..., Client]]:
    """Clients of servers of the one board."""
    open_: list[Any] = []

    def make(when_frozen: WhenFrozen = WhenFrozen.HANG) -> Client:
        server = PynqRemoteServer(board, port=0, when_frozen=when_frozen)
        open_.append(server)
        return Client(server.port)

    yield make
    for server in open_:
        server.stop()


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    return serve()


def _code(action: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        action()
    return f"{caught.value.code().name}: {caught.value.details()}"


# ---- files


def test_a_board_says_what_it_is(client: Client) -> None:
    assert client.exists("/proc/version")
    assert b"aarch64" not in b"".join(client.chunks("/proc/version"))
    assert b"".join(client.chunks("/proc/device-tree/chosen/pynq_board")).endswith(b"\0")
    assert not client.exists("/proc/device-tree/chosen/another")
    assert client.exists("/lib/firmware")


def test_a_missing_file(client: Client) -> None:
    assert _code(lambda: client.chunks("/nothing")) == "NOT_FOUND: File not found"


def test_files_come_in_kibibytes_and_stay(client: Client) -> None:
    client.write_file(("/lib/firmware/x.bin", bytes(1500)), ("/lib/firmware/ignored", b"\1" * 1000))
    assert [len(part) for part in client.chunks("/lib/firmware/x.bin")] == [1024, 1024, 452]
    assert not client.exists("/lib/firmware/ignored")
    client.channel.close()


def test_files_outlive_connections_and_servers(client: Client, serve: Callable[..., Client]) -> None:
    client.write_file(("/lib/firmware/x.bin", b"old"))
    client.channel.close()
    assert serve().exists("/lib/firmware/x.bin")


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ((), "INVALID_ARGUMENT: No file path provided"),
        ((("/nowhere/x", b"1"),), "INTERNAL: Failed to open file for writing"),
        ((("/proc/version", b"1"),), "INTERNAL: Failed to open file for writing"),
    ],
)
def test_writes_that_fail_at_once(client: Client, parts: tuple[tuple[str, bytes], ...], error: str) -> None:
    assert _code(lambda: client.write_file(*parts)) == error


def test_a_download_that_fails_is_no_error(client: Client, board: VirtualBoard) -> None:
    client.write_file(("/lib/firmware/foreign.bin", bytes(400)))
    client.write_file(("/sys/class/fpga_manager/fpga0/firmware", b"foreign.bin"))
    assert client.chunks("/sys/class/fpga_manager/fpga0/state") == [b"write error\n"]
    assert any("says nothing" in text for text in board.log.texts(Level.WARNING))


def test_a_client_that_vanishes_leaves_half_a_file(client: Client, board: VirtualBoard) -> None:
    """Which the next one takes for the whole, since it is there."""
    sent, go = threading.Event(), threading.Event()

    def parts() -> Iterator[Any]:
        yield remote_device_pb2.WriteFileRequest(file_path="/lib/firmware/x.bin", data=b"half")
        sent.set()
        go.wait(TIMEOUT_S)

    future = client._device.writefile.future(parts())
    assert sent.wait(TIMEOUT_S)
    time.sleep(0.1)
    future.cancel()
    go.set()
    deadline = time.monotonic() + TIMEOUT_S
    while not board.files.exists("/lib/firmware/x.bin"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert board.files.read("/lib/firmware/x.bin") == b"half"


# ---- registers


def test_accesses(client: Client) -> None:
    assert [client.map(SLCR, 0x200), client.map(SLCR + 0x100, 8)] == ["0", "1"]
    multipliers = client.read("0", 0x108)
    assert multipliers == client.read("1", 8) == 30 << 12
    client.write("0", 0x170, (0x0010_0A00).to_bytes(4, "little") + b"\xff" * 12)
    assert client.read("0", 0x170, length=8) == 0x0010_0A00
    assert client.read("0", 0x174) != 0xFFFF_FFFF  # the first four bytes alone are written
    assert client.read("0", 0x172) == 0x0010_0A00  # whole words


@pytest.mark.parametrize("name", ["7", "x", ""])
def test_an_unknown_mapping(client: Client, name: str) -> None:
    assert _code(lambda: client.read(name, 0)) == "NOT_FOUND: MMIO Object not found."
    assert _code(lambda: client.write(name, 0, bytes(4))) == "NOT_FOUND: MMIO Object not found."


def test_values_with_the_upper_bit(client: Client) -> None:
    """What a client of 3.1.2 takes for a negative number: the same 32 bits."""
    name = client.map(SLCR, 0x1000)
    client.write(name, 0x200, (0xDEAD_BEEF).to_bytes(4, "little"))
    assert client.read(name, 0x200) == 0xDEAD_BEEF


def test_an_access_behind_its_page_ends_the_server(client: Client, board: VirtualBoard) -> None:
    """It is started again and knows no id; the board lives on."""
    name, buffer = client.map(SLCR, 8), client.allocate(100)
    assert client.read(name, 0xFFC) == 0
    assert _code(lambda: client.read(name, 0x1000)).startswith("UNAVAILABLE")
    assert _code(lambda: client.read(name, 0)).startswith("NOT_FOUND")
    assert _code(lambda: client.flush(buffer)).startswith("NOT_FOUND")
    assert board.memory.buffers == frozenset()
    assert client.map(SLCR, 8) == "0"


# ---- buffers


def test_a_buffer(client: Client, board: VirtualBoard) -> None:
    name = client.allocate(3 << 19)
    (buffer,) = board.memory.buffers
    assert client.address(name) == buffer.address
    assert client.write_buffer((name, b"\1" * 1000), (name, b"\2" * 1000), start=500) == ""
    assert bytes(buffer.cpu[998:1002]) == b"\1\1\2\2"  # from the start, whatever is asked
    assert not buffer.dram.any()
    client.flush(name)
    assert bytes(buffer.dram[998:1002]) == b"\1\1\2\2"
    buffer.dram[:2] = 9
    assert client.read_buffer(name)[0][:2] == b"\1\1"
    client.invalidate(name)
    parts = client.read_buffer(name)
    assert [len(part) for part in parts] == [1 << 20, 1 << 19]  # all of it
    assert parts[0][:2] == b"\x09\x09"
    client.free(name)
    assert board.memory.buffers == frozenset()
    for action in (client.free, client.flush, client.invalidate, client.address, client.read_buffer):
        assert _code(lambda action=action: action(name)) == "NOT_FOUND: Buffer not found."


@pytest.mark.parametrize("nbytes", [121 << 20, 0, -1])
def test_no_memory_is_no_error(client: Client, board: VirtualBoard, nbytes: int) -> None:
    assert client.allocate(nbytes) == ""
    assert client.write_buffer(("", b"1")) == "Buffer not found."
    assert any("fails in silence" in text for text in board.log.texts(Level.WARNING))


def test_too_much_data_is_no_error(client: Client, board: VirtualBoard) -> None:
    name = client.allocate(10)
    (buffer,) = board.memory.buffers
    assert client.write_buffer((name, b"\1" * 10), (name, b"\2")) == "Buffer overflow."
    assert (buffer.cpu == 1).all()


def test_a_client_that_vanishes_leaks(client: Client, board: VirtualBoard, serve: Callable[..., Client]) -> None:
    other = serve()
    client.allocate(100)
    client.channel.close()
    time.sleep(0.2)
    assert len(board.memory.buffers) == 1
    assert other.allocate(100) != ""


# ---- a frozen board, and the server's end


def test_a_frozen_board_does_not_answer(client: Client, board: VirtualBoard) -> None:
    name = client.map(BASE, 0x1000)
    assert _code(lambda: client.read(name, 0, timeout=0.5)).startswith("DEADLINE_EXCEEDED")
    assert board.frozen
    request = remote_device_pb2.ExistsFileRequest(file_path="/proc/version")
    assert _code(lambda: client._device.existsfile(request, timeout=0.3)).startswith("DEADLINE_EXCEEDED")


def test_a_frozen_board_may_say_why(serve: Callable[..., Client]) -> None:
    client = serve(WhenFrozen.REFUSE)
    name = client.map(BASE, 0x1000)
    why = "read of 0x40000000 is not answered: the fabric is not programmed"
    for _ in range(2):
        assert why in _code(lambda: client.read(name, 0))


def test_the_end_lets_go_of_what_hangs(board: VirtualBoard) -> None:
    server = PynqRemoteServer(board, port=0)
    client = Client(server.port)
    name = client.map(BASE, 0x1000)
    future = client._mmio.read.future(mmio_pb2.ReadRequest(mmio_id=name), timeout=TIMEOUT_S)
    deadline = time.monotonic() + TIMEOUT_S
    while not board.frozen:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    server.stop()
    assert future.exception(TIMEOUT_S).code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("127.0.0.1", None, "in use"),
        ("192.0.2.1", 0, "address"),
        ("no.such.host.", 0, ""),
        ("x" * 64, 0, "no name or number of a host"),
        ("a..b", 0, "no name or number of a host"),
    ],
)
def test_where_it_cannot_listen(board: VirtualBoard, host: str, port: int | None, why: str) -> None:
    with PynqRemoteServer(board, port=0) as server, pytest.raises(GatewrightError, match=f"cannot listen on .*{why}"):
        PynqRemoteServer(board, host, server.port if port is None else port)
