"""The register block by name, made from the contract's table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gatewright.driver.backend import Backend
from gatewright.driver.errors import DriverError
from gatewright.driver.gate import Gate, exclusive
from gatewright.spec.registers import REGISTERS, Access, register

__all__ = ["GuardedPort", "RegisterFile"]

_READABLE = {entry.name: entry.offset for entry in REGISTERS if entry.access is not Access.COMMAND}
_WRITABLE = {entry.name: entry.offset for entry in REGISTERS if entry.access not in (Access.CONSTANT, Access.RO)}
"""Offsets by name."""


class RegisterPort(Protocol):
    """32-bit registers by byte offset; a backend is one."""

    def read(self, offset: int) -> int: ...

    def write(self, offset: int, value: int) -> None: ...


class GuardedPort:
    """A backend's registers for whoever may ask at any time, even while a call runs: each access has its turn."""

    def __init__(self, gate: Gate, backend: Backend) -> None:
        self._gate = gate
        self._backend = backend

    @exclusive
    def read(self, offset: int) -> int:
        return self._backend.read(offset)

    @exclusive
    def write(self, offset: int, value: int) -> None:
        self._backend.write(offset, value)


class RegisterFile:
    """Named access to registers: ``registers.read("STATUS")``, or by attribute, ``registers.STATUS``.

    Unknown names raise :class:`~gatewright.spec.errors.SpecError`, access that a register does not offer
    :class:`DriverError`.
    """

    def __init__(self, port: RegisterPort) -> None:
        self._port = port

    def __getattr__(self, name: str) -> int:
        """The value of the register called ``name``; AttributeError where there is none that can be read."""
        if name not in _READABLE:
            raise AttributeError(f"no register {name!r} to read, allowed: {', '.join(_READABLE)}")
        return self.read(name)

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *_READABLE]

    def read(self, name: str) -> int:
        """The register's value."""
        if name not in _READABLE:
            raise DriverError(f"register {name} cannot be read, it is {register(name).access.value}")
        return self._port.read(_READABLE[name])

    def field(self, name: str, field: str) -> int:
        """One field of the register's value."""
        return register(name).extract(self.read(name), field)

    def write(self, name: str, value: int) -> None:
        """Set the register to ``value``, 0..2**32-1."""
        if name not in _WRITABLE:
            raise DriverError(f"register {name} cannot be written, it is {register(name).access.value}")
        if not 0 <= value < 1 << 32:
            raise DriverError(f"register {name}: {value} is outside 0..{(1 << 32) - 1}")
        self._port.write(_WRITABLE[name], value)

    def write_fields(self, name: str, **fields: int) -> None:
        """Set the register to the given fields, zero elsewhere."""
        entry = register(name)
        value = 0
        for field, part in fields.items():
            bits = entry.field(field)
            if not 0 <= part < 1 << bits.width:
                raise DriverError(f"register {name}: {field} is {part}, allowed 0..{(1 << bits.width) - 1}")
            value |= part << bits.lsb
        self.write(name, value)

    def snapshot(self, names: Iterable[str]) -> dict[str, int]:
        """The values of several registers by name."""
        return {name: self.read(name) for name in names}
