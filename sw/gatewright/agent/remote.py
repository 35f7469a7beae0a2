"""An accelerator behind an agent: programs go over once, then only inputs and outputs do."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from gatewright.agent.address import find_token, parse_address
from gatewright.agent.connection import CONNECT_S, Connection
from gatewright.agent.fields import config_of
from gatewright.agent.remote_program import RemoteProgram
from gatewright.agent.transport import LONGEST_CALL_S
from gatewright.agent.wire import Array, Message
from gatewright.driver.errors import ConfigMismatch, DriverError
from gatewright.driver.report import Report
from gatewright.program import CompiledProgram, load_program
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.errors import GatewrightError

__all__ = ["RemoteAccelerator"]


class RemoteAccelerator(AbstractContextManager["RemoteAccelerator"]):
    """The accelerator of the agent at ``host``; programs are loaded and called as on one that is here.

    Threads may share it; calls of several clients take turns. A call that breaks off raises :class:`AgentLost`; the
    next one connects again, and loads its program again where the agent has it no more.

    Parameters
    ----------
    config : the accelerator's, by name or whole; None: whatever the agent has.
    host : ``HOST`` or ``HOST:PORT``.
    timeout_s : most seconds that a call may take, its wait for the turn included; at most an hour.
    token : what the agent wants to see; default: from the environment (:mod:`gatewright.agent.address`).

    Raises :class:`AgentUnavailable`, :class:`ConfigMismatch`, :class:`AgentError` where the agent has no accelerator.
    """

    def __init__(
        self,
        config: str | AcceleratorConfig | None,
        host: str,
        *,
        timeout_s: float = 300.0,
        token: str | None = None,
    ) -> None:
        if not 0 < timeout_s <= LONGEST_CALL_S:
            raise DriverError(f"timeout_s is {timeout_s}, allowed above 0 and at most {LONGEST_CALL_S:g}")
        self.timeout_s = timeout_s
        self.connection = Connection(parse_address(host), find_token() if token is None else token)
        self._session = token_hex(8)
        self._lock = threading.Lock()
        self._report = Report.nothing()
        try:
            self._found = self.status()
            self.config = self._matched(get_config(config) if isinstance(config, str) else config)
        except BaseException:
            self.connection.close()
            raise

    def _matched(self, wanted: AcceleratorConfig | None) -> AcceleratorConfig:
        config = config_of(self._found)
        if wanted is not None and wanted.hash != config.hash:
            raise ConfigMismatch(
                f"the agent at {self.connection.address} serves config {config.name!r} (hash {config.hash_text}), not "
                f"{wanted.name!r} (hash {wanted.hash_text})"
            )
        return config

    @property
    def name(self) -> str:
        """Of the agent's backend."""
        return str(self._found["backend"])

    @property
    def choice(self) -> str:
        """Where programs run, and why there."""
        return f"{self._found['choice']}, by the agent at {self.connection.address}"

    @property
    def clock_mhz(self) -> float | None:
        """The accelerator's clock; None where there is none but a simulation's."""
        clock = self._found["clock_mhz"]
        return None if clock is None else float(clock)

    def status(self) -> dict[str, Any]:
        """What the agent says about itself now: backend, board, design, config, clock, temperature, programs."""
        return self.connection.call("status", {}, self.timeout_s).fields

    def load(self, program: CompiledProgram | str | Path) -> RemoteProgram:
        """Have the agent place a program, or the one in a file, in device memory. Raises as the accelerator's own."""
        compiled = program if isinstance(program, CompiledProgram) else load_program(program)
        if compiled.config_hash != self.config.hash:
            raise ConfigMismatch(
                f"program {compiled.name!r} is compiled for config {compiled.config!r} (hash "
                f"{compiled.config_hash:016x}), the agent's accelerator is {self.config.name!r} (hash "
                f"{self.config.hash_text})"
            )
        return RemoteProgram(self, compiled)

    def report(self) -> Report:
        """Of all calls since the last :meth:`reset_report`."""
        return self._report

    def reset_report(self) -> None:
        """Start the report from zero."""
        self._report = Report.nothing()

    def ask(self, method: str, digest: str, arrays: dict[str, Array] | None = None, **fields: str) -> Message:
        """A call about a program in this client's session."""
        fields |= {"sha256": digest, "session": self._session}
        return self.connection.call(method, fields, self.timeout_s, arrays)

    def count(self, report: Report) -> None:
        """Add a call's report."""
        with self._lock:
            self._report = self._report + report

    def close(self) -> None:
        """Free what this client has loaded, and cut the connection; a second call does nothing."""
        with suppress(GatewrightError):  # the agent may have gone before
            self.connection.call("end", {"session": self._session}, CONNECT_S)
        self.connection.close()

    def __exit__(self, *exception: object) -> None:
        self.close()
