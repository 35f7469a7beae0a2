"""The register block by name, made from the contract's table."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.driver.backend import Backend
from gatewright.driver.errors import DriverError
from gatewright.spec.registers import Access, register

__all__ = ["RegisterFile"]


class RegisterFile:
    """Named access to a backend's registers.

    Unknown names raise :class:`~gatewright.spec.errors.SpecError`, access that a register does not offer
    :class:`DriverError`.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def read(self, name: str) -> int:
        """The register's value."""
        entry = register(name)
        if entry.access is Access.COMMAND:
            raise DriverError(f"register {name} cannot be read, it is {entry.access.value}")
        return self._backend.read(entry.offset)

    def field(self, name: str, field: str) -> int:
        """One field of the register's value."""
        return register(name).extract(self.read(name), field)

    def write(self, name: str, value: int) -> None:
        """Set the register to ``value``, 0..2**32-1."""
        entry = register(name)
        if entry.access in (Access.CONSTANT, Access.RO):
            raise DriverError(f"register {name} cannot be written, it is {entry.access.value}")
        if not 0 <= value < 1 << 32:
            raise DriverError(f"register {name}: {value} is outside 0..{(1 << 32) - 1}")
        self._backend.write(entry.offset, value)

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
