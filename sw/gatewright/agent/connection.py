"""A client's way to an agent: it connects when it is first used, and again after it broke."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gatewright.agent.address import TOKEN, TOKEN_FILE
from gatewright.agent.errors import (
    AgentBusy,
    AgentError,
    AgentLost,
    AgentRefused,
    AgentTimeout,
    AgentUnreachable,
    NoAgent,
)
from gatewright.agent.faults import rebuild
from gatewright.agent.transport import (
    AUTHORIZATION,
    CHUNK_BYTES,
    MAX_MESSAGE_BYTES,
    SERVICE,
    grpc,
    limits,
)
from gatewright.agent.versions import check_spoken, spoken_here
from gatewright.agent.wire import Array, Message, pack, unpack
from gatewright.driver.errors import AcceleratorClosed, ForkedAccelerator
from gatewright.files import reason
from gatewright.listening import Address

__all__ = ["CONNECT_S", "Connection"]

_CHANNEL = (("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0))
"""An agent is reached as it is named, and its token goes to nobody else."""

CONNECT_S = 5.0
"""For the connection and the exchange of versions."""

IDLE_S = 1.0
"""After so long without a call, the agent is asked whether it is still there before something is sent."""

Part = bytes | memoryview


class Connection:
    """Calls of an agent's methods. Threads may share it.

    Parameters
    ----------
    address : the agent's.
    token : what the agent wants to see; None for one that wants none.
    """

    def __init__(self, address: Address, token: str | None) -> None:
        self.address = address
        self._metadata = () if token is None else ((AUTHORIZATION, f"Bearer {token}"),)
        self._lock = threading.Lock()
        self._channel: Any = None
        self._used = 0.0
        self._closed = False
        self._process = os.getpid()

    def call(
        self, method: str, fields: Mapping[str, Any], timeout_s: float, arrays: Mapping[str, Array] | None = None
    ) -> Message:
        """One call. Raises what the agent raised, :class:`AgentUnavailable`, :class:`AgentLost`, :class:`AgentTimeout`
        and :class:`AgentError`."""
        data = pack(fields, arrays)
        if len(data) > MAX_MESSAGE_BYTES:
            raise AgentError(f"the call takes {len(data):,} bytes, allowed over a network: {MAX_MESSAGE_BYTES:,}")
        channel = self._open()
        return self._result(method, channel.unary_unary(f"/{SERVICE}/{method}"), data, timeout_s)

    def upload(self, parts: Sequence[Part], timeout_s: float) -> str:
        """Send a file in parts; returns the ticket by which one other call names it. Raises as :meth:`call`."""

        def pieces() -> Iterator[bytes]:
            yield pack({"sha256": sha256(parts), "nbytes": sum(map(len, parts))})
            for part in parts:
                for start in range(0, len(part), CHUNK_BYTES):
                    yield bytes(part[start : start + CHUNK_BYTES])

        answer = self._result("upload", self._open().stream_unary(f"/{SERVICE}/upload"), pieces(), timeout_s)
        return str(answer.get("ticket", str))

    def close(self) -> None:
        """Cut the connection; a second call does nothing, all others raise :class:`AcceleratorClosed`."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None and os.getpid() == self._process:
            channel.close()

    def _open(self) -> Any:
        if os.getpid() != self._process:
            raise ForkedAccelerator(self._process)
        if self._closed:
            raise AcceleratorClosed
        with self._lock:
            if self._channel is not None and time.monotonic() - self._used > IDLE_S and not self._answers():
                self._channel.close()
                self._channel = None
            if self._channel is None:
                self._channel = self._connected()
            self._used = time.monotonic()
            return self._channel

    def _answers(self) -> bool:
        """Whether the agent is still the one that the channel was opened to: it may have been started again since."""
        try:
            self._hello(self._channel)
        except (grpc.RpcError, AgentError):
            return False
        return True

    def _connected(self) -> Any:
        """A channel on which versions have been exchanged."""
        try:
            socket.create_connection((self.address.host, self.address.port), CONNECT_S).close()
        except OSError as error:
            raise AgentUnreachable(f"no agent answers at {self.address}: {reason(error)}") from None
        channel = grpc.insecure_channel(str(self.address), options=[*limits(), *_CHANNEL])
        try:
            self._hello(channel)
        except grpc.RpcError as error:
            channel.close()
            raise self._stranger(error) from None
        except BaseException:
            channel.close()
            raise
        return channel

    def _hello(self, channel: Any) -> None:
        """Exchange versions: both ends look. Raises :class:`NoAgent`, :class:`AgentError` and gRPC's errors."""
        hello = channel.unary_unary(f"/{SERVICE}/hello")
        said = self._checked(hello(pack(spoken_here()), CONNECT_S, self._metadata)).fields
        if type(said.get("protocol")) is not int:
            raise NoAgent(f"what answers at {self.address} is no gatewright agent")
        check_spoken(agent=said, client=spoken_here())

    def _stranger(self, error: Any) -> AgentError:
        """What the failed exchange of versions means."""
        code, where = error.code(), f"what answers at {self.address}"
        if code is grpc.StatusCode.UNAUTHENTICATED:
            return AgentRefused(
                f"the agent at {self.address} wants {error.details()}: set {TOKEN}, or {TOKEN_FILE} to a file with it"
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return NoAgent(f"{where} is no gatewright agent (a PYNQ.remote image is --host pynq://HOST)")
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return NoAgent(f"{where} said nothing within {CONNECT_S:g} s: no gatewright agent, or a hung one")
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self._busy()
        return NoAgent(f"{where} does not speak as a gatewright agent does: {_first(error)}")

    def _busy(self) -> AgentError:
        return AgentBusy(f"the agent at {self.address} has as many calls as it takes at a time")

    def _result(self, method: str, call: Any, request: Any, timeout_s: float) -> Message:
        try:
            answer = call(request, timeout_s, self._metadata)
        except ValueError:  # the channel was closed by another thread a moment ago
            raise AgentLost(f"the connection to the agent at {self.address} was closed during {method!r}") from None
        except grpc.RpcError as error:
            raise self._failed(method, error, timeout_s) from None
        return self._checked(answer)

    def _failed(self, method: str, error: Any, timeout_s: float) -> AgentError:
        code = error.code()
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return AgentTimeout(f"the agent at {self.address} did not finish {method!r} within {timeout_s:g} s")
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            if "Concurrent RPC" in _first(error):  # gRPC's own words
                return self._busy()
            return AgentError(f"the agent at {self.address} refused {method!r}: {_first(error)}")
        self._drop()  # the next call connects again
        if code is grpc.StatusCode.UNAUTHENTICATED:
            return self._stranger(error)
        return AgentLost(f"the agent at {self.address} was lost during {method!r}: {_first(error)}")

    @staticmethod
    def _checked(answer: bytes) -> Message:
        message = unpack(answer)
        if "error" in message.fields:
            raise rebuild(message.get("error", dict))
        return message


def sha256(parts: Sequence[Part]) -> str:
    """Of the parts one after the other."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part)
    return state.hexdigest()


def _first(error: Any) -> str:
    return str(error.details() or error.code().name).splitlines()[0]
