"""The agent's methods, as gRPC calls them: each checks who asks, waits for its turn, and answers or tells why not."""

from __future__ import annotations

import hmac
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gatewright.agent.errors import AgentError
from gatewright.agent.faults import describe
from gatewright.agent.jobs import Jobs
from gatewright.agent.machine import Machine
from gatewright.agent.sensors import temperature
from gatewright.agent.spool import Spool, check_digest
from gatewright.agent.transport import AUTHORIZATION, LONGEST_CALL_S, MAX_MESSAGE_BYTES, SERVICE, grpc
from gatewright.agent.versions import check_spoken, spoken_here
from gatewright.agent.wire import Array, Message, pack, unpack
from gatewright.spec.errors import GatewrightError
from gatewright.version import __version__

__all__ = ["Service"]

_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
"""Names of files that are kept."""

_log = logging.getLogger(__name__)

Answer = tuple[dict[str, Any], dict[str, Array]]


class Service(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The methods over one machine.

    Parameters
    ----------
    machine, jobs : the accelerator, and the queue before it.
    spool : what was uploaded.
    token : what callers must show; None where all may call.
    """

    def __init__(self, machine: Machine, jobs: Jobs, spool: Spool, token: str | None) -> None:
        self._machine = machine
        self._jobs = jobs
        self._spool = spool
        self._token = token
        self._methods: dict[str, Callable[[Message, Any], Answer]] = {
            "hello": self._hello,
            "status": self._status,
            "load": self._load,
            "run": self._run,
            "release": self._release,
            "end": self._end,
            "flash": self._flash,
        }

    def service(self, details: Any) -> Any:
        """gRPC asks for the handler of a method here."""
        _, service, method = details.method.split("/")
        if service != SERVICE:
            return None
        if (refusal := self._refusal(details.invocation_metadata)) is not None:
            # A handler of streams is called before any message is taken: strangers fill no memory.
            return grpc.stream_unary_rpc_method_handler(
                lambda _, rpc: rpc.abort(grpc.StatusCode.UNAUTHENTICATED, refusal)
            )
        if method == "upload":
            return grpc.stream_unary_rpc_method_handler(self._answered(self._upload))
        if method in self._methods:
            handle = self._methods[method]
            return grpc.unary_unary_rpc_method_handler(self._answered(lambda data, rpc: handle(unpack(data), rpc)))
        return None

    def _answered(self, handle: Callable[[Any, Any], Answer]) -> Callable[[Any, Any], bytes]:
        """A method that answers with what ``handle`` gives, or with the error that it raises."""

        def answer(request: Any, rpc: Any) -> bytes:
            self._admit(rpc)
            try:
                return _sendable(pack(*handle(request, rpc)))
            except GatewrightError as error:
                return pack({"error": describe(error)})
            except Exception as error:
                _log.exception("a call failed")
                return pack({"error": describe(error)})

        return answer

    def _refusal(self, metadata: Any) -> str | None:
        """What a caller with this metadata should have shown; None where it may call."""
        if self._token is None:
            return None
        given = dict(metadata).get(AUTHORIZATION, "")
        given = given.encode() if isinstance(given, str) else given
        if hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            return None
        return "another token" if given else "a token"

    def _admit(self, rpc: Any) -> None:
        """Refuse calls that would wait for ever."""
        if not rpc.time_remaining() <= LONGEST_CALL_S:
            rpc.abort(grpc.StatusCode.INVALID_ARGUMENT, f"a call needs a deadline, of at most {LONGEST_CALL_S:g} s")

    def _turn(self, rpc: Any, function: Callable[..., Any], *args: Any) -> Any:
        """``function``'s result from the main thread."""
        return self._jobs.do(rpc.time_remaining(), lambda drop: rpc.add_callback(drop) or drop(), function, *args)

    # ---- methods

    def _hello(self, message: Message, rpc: Any) -> Answer:
        check_spoken(agent=spoken_here(), client=message.fields)
        return spoken_here(), {}

    def _status(self, message: Message, rpc: Any) -> Answer:
        found = self._machine.status()  # without a turn: it is asked for while a call takes long
        return {**found, "waiting": self._jobs.waiting, "version": __version__, "temperature_c": temperature()}, {}

    def _upload(self, parts: Iterator[bytes], rpc: Any) -> Answer:
        return {"ticket": self._spool.receive(parts)}, {}

    def _load(self, message: Message, rpc: Any) -> Answer:
        digest, session = check_digest(message.get("sha256", str)), message.get("session", str)
        ticket = message.fields.get("ticket")
        if ticket is None:
            self._turn(rpc, self._machine.find, digest, session)
        else:
            file = self._spool.path(ticket)
            with _used(file):
                self._turn(rpc, self._machine.load, digest, session, file)
        return {}, {}

    def _run(self, message: Message, rpc: Any) -> Answer:
        digest, session = message.get("sha256", str), message.get("session", str)
        deadline = time.monotonic() + rpc.time_remaining()
        answer: Answer = self._turn(rpc, self._machine.run, digest, session, message.arrays, deadline)
        return answer

    def _release(self, message: Message, rpc: Any) -> Answer:
        self._turn(rpc, self._machine.shelf.release, message.get("sha256", str), message.get("session", str))
        return {}, {}

    def _end(self, message: Message, rpc: Any) -> Answer:
        self._turn(rpc, self._machine.shelf.end, message.get("session", str))
        return {}, {}

    def _flash(self, message: Message, rpc: Any) -> Answer:
        tickets = message.get("files", dict)
        for name in tickets:
            if not _FILE.fullmatch(name):
                raise AgentError(f"file {name!r:.80}, allowed: a name without folders, of letters, digits, - _ and .")
        files = {name: self._spool.path(ticket) for name, ticket in tickets.items()}
        with _used(*files.values()):
            return self._turn(rpc, self._machine.flash, files), {}


@contextmanager
def _used(*files: Path) -> Iterator[None]:
    """Uploads, which are removed after the body."""
    try:
        yield
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def _sendable(answer: bytes) -> bytes:
    if len(answer) > MAX_MESSAGE_BYTES:
        raise AgentError(f"the answer takes {len(answer):,} bytes, allowed over a network: {MAX_MESSAGE_BYTES:,}")
    return answer
