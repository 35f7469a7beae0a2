"""What the driver raises. Every message is a sentence that says what was given, what is allowed, and where."""

from __future__ import annotations

import os
from collections.abc import Mapping

from gatewright.spec.commands import DecodedCommand
from gatewright.spec.errors import ErrorCode, GatewrightError

__all__ = [
    "AcceleratorClosed",
    "AcceleratorError",
    "AcceleratorTimeout",
    "BackendUnavailable",
    "BoardError",
    "BoardInUse",
    "BusProtocolError",
    "ConfigMismatch",
    "DriverError",
    "ForkedAccelerator",
    "GatewrightError",
    "NoBitstream",
    "OutOfDeviceMemory",
]


class DriverError(GatewrightError, ValueError):
    """An argument that the accelerator cannot take; nothing was sent to it."""


class BackendUnavailable(GatewrightError):
    """A backend that cannot be opened here; the message says why."""


class BoardError(BackendUnavailable):
    """A board that does not answer any more, or does not do what it was told; the message says what, and the remedy."""


class BoardInUse(BoardError):
    """Another process or client has the board; the message says which."""


class NoBitstream(BackendUnavailable):
    """No design was built for the board, or it is nowhere to be found."""


class ConfigMismatch(GatewrightError):
    """The hardware found is not the accelerator asked for: another ID, version or configuration hash."""


class AcceleratorClosed(GatewrightError):
    """Anything that is asked of an accelerator, its arrays, programs or registers after it was closed."""

    def __init__(self) -> None:
        super().__init__("this accelerator has been closed, allowed: an open one")


class ForkedAccelerator(GatewrightError):
    """An accelerator that another process opened. Two processes cannot share its registers and memory."""

    def __init__(self, opener: int) -> None:
        super().__init__(
            f"this accelerator was opened by process {opener}, of which this process, {os.getpid()}, is a fork: "
            "open another one here"
        )


class OutOfDeviceMemory(GatewrightError, MemoryError):
    """No free piece of device memory is as large as what was asked for."""


class BusProtocolError(GatewrightError):
    """The simulated memory saw the design break a rule of AXI."""


_WITH_FIELD = (ErrorCode.UNALIGNED, ErrorCode.BAD_SHAPE)


def _name_command(index: int, command: DecodedCommand | None, node: str) -> str:
    parts = [command.spec.name] if command else []
    parts += [f"node {node!r}"] if node else []
    return f"command {index}" + (f" ({', '.join(parts)})" if parts else "")


class AcceleratorError(GatewrightError):
    """The accelerator stopped at a command. Earlier commands completed; it was reset and takes the next program.

    Attributes
    ----------
    code : :class:`ErrorCode` (or the bare number, if the contract does not define it).
    index : position of the command in the program.
    detail : the word of the command at fault, for UNALIGNED and BAD_SHAPE.
    command : the decoded command, or None when its opcode is unknown.
    fields : names and values of the command's fields in that word.
    node : name of the model's node that the command belongs to; empty where there is no model.
    """

    def __init__(self, code: int, index: int, detail: int, command: DecodedCommand | None, node: str = "") -> None:
        self.code: int = ErrorCode(code) if code in ErrorCode._value2member_map_ else code
        self.index = index
        self.detail = detail
        self.command = command
        self.node = node
        self.fields: dict[str, int] = {}
        if command and self.code in _WITH_FIELD:
            self.fields = {field.name: command[field.name] for field in command.spec.fields if field.word == detail}
        name = self.code.name if isinstance(self.code, ErrorCode) else f"error {code}"
        meaning = self.code.meaning.partition(";")[0] if isinstance(self.code, ErrorCode) else None
        message = (
            f"{_name_command(index, command, node)} stopped with {name}: {meaning or 'not an error of this contract'}"
        )
        if self.fields:
            message += f" ({', '.join(f'{field} = {value}' for field, value in self.fields.items())})"
        super().__init__(message)


class AcceleratorTimeout(GatewrightError, TimeoutError):
    """The accelerator did not finish in time. It was reset and takes the next request, unless the message says that it
    does not come to rest.

    Attributes
    ----------
    engine : name of the engine that the command occupies, or "sequencer" when no command is known.
    index : position of the command in the program.
    registers : register values at the time of the failure, by name.
    node : name of the model's node that the command belongs to; empty where there is no model.
    """

    def __init__(
        self,
        limit: str,
        index: int,
        command: DecodedCommand | None,
        registers: Mapping[str, int],
        node: str = "",
        stuck: str = "",
    ) -> None:
        self.engine = command.spec.engine if command else "sequencer"
        self.index = index
        self.command = command
        self.node = node
        self.registers = dict(registers)
        state = ", ".join(f"{name} = {value:#x}" for name, value in self.registers.items())
        more = f"; {stuck}" if stuck else ""
        super().__init__(
            f"engine {self.engine}, {_name_command(index, command, node)}: not done after {limit}; {state}{more}"
        )
