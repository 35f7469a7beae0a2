"""What never answers is given up in time: functions, and servers that are none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from gatewright.driver.board.deadlines import NoAnswer, bounded, within
from gatewright.driver.board.opening import open_port
from gatewright.driver.errors import BoardError


def test_results_and_errors_pass() -> None:
    assert within(30, "a sum", lambda: 1 + 1) == 2
    with pytest.raises(ZeroDivisionError):
        within(30, "a quotient", lambda: 1 // 0)


def test_a_function_that_does_not_come_back() -> None:
    released = threading.Event()
    with pytest.raises(NoAnswer, match=r"a wait: no answer within 0\.05 s"):
        within(0.05, "a wait", released.wait)
    released.set()


class Stranger:
    """A TCP server that answers every connection in its own way."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"pynq://127.0.0.1:{self._listener.getsockname()[1]}"
        self._answer = answer
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._answer(connection)

    def close(self) -> None:
        for each in (self._listener, *self._connections):
            each.close()


def _http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


STRANGERS: dict[str, Callable[[socket.socket], None]] = {
    "one that speaks HTTP": _http,
    "one that says nothing": lambda connection: None,
    "one that hangs up": lambda connection: connection.close(),
}


@pytest.fixture(params=STRANGERS)
def stranger(request: pytest.FixtureRequest) -> Iterator[Stranger]:
    made = Stranger(STRANGERS[request.param])
    yield made
    made.close()


def test_a_server_that_is_no_board(stranger: Stranger) -> None:
    pytest.importorskip("pynq")
    with pytest.raises(BoardError, match=f"board {stranger.host}: no PYNQ.remote server answers there"):
        open_port(stranger.host)


def test_a_server_of_other_services() -> None:
    pytest.importorskip("pynq")
    grpc = pytest.importorskip("grpc")
    from concurrent.futures import ThreadPoolExecutor

    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(BoardError, match=r"does not answer as a PYNQ\.remote server does: it is no PYNQ\.remote"):
            open_port(f"pynq://127.0.0.1:{port}")
    finally:
        server.stop(0)


def test_every_call_of_a_bounded_channel_ends() -> None:
    grpc = pytest.importorskip("grpc")
    from concurrent.futures import ThreadPoolExecutor

    released = threading.Event()

    class Slow(grpc.GenericRpcHandler):
        def service(self, details: object) -> object:
            def wait(request: object, context: object) -> bytes:
                released.wait(30)
                return b""

            def stream(request: object, context: object) -> Iterator[bytes]:
                released.wait(30)
                yield b""

            name = details.method.rpartition("/")[2]
            kinds = {
                "unary_unary": (grpc.unary_unary_rpc_method_handler, wait),
                "unary_stream": (grpc.unary_stream_rpc_method_handler, stream),
                "stream_unary": (grpc.stream_unary_rpc_method_handler, wait),
            }
            make, behaviour = kinds[name]
            return make(behaviour)

    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Slow(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        channel = bounded(grpc.insecure_channel(f"127.0.0.1:{port}"), 0.2)
        for ask in (
            lambda: channel.unary_unary("/a/unary_unary")(b""),
            lambda: list(channel.unary_stream("/a/unary_stream")(b"")),
            lambda: channel.stream_unary("/a/stream_unary")(iter([b""])),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                ask()
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    finally:
        released.set()
        server.stop(0)
