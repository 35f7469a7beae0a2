"""The contract as Markdown: registers, error codes and commands, from the tables in :mod:`gatewright.spec`."""

from __future__ import annotations

from collections.abc import Iterable

from amaranth.utils import exact_log2

from gatewright.spec.commands import COMMANDS, FLAGS_LSB, CommandSpec, Field, Kind
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import ALIGNMENT
from gatewright.spec.registers import REGISTERS, constants

__all__ = ["markdown"]


def _table(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _bits(lsb: int, width: int) -> str:
    return f"{lsb + width - 1}:{lsb}" if width > 1 else f"{lsb}"


def _registers(config: AcceleratorConfig) -> str:
    values = constants(config)
    rows: list[tuple[object, ...]] = []
    for entry in REGISTERS:
        value = f" (`{values[entry.name]:#010x}`)" if entry.name in values else ""
        rows.append((f"`{entry.offset:#05x}`", f"**{entry.name}**", "31:0", entry.access.value, entry.doc + value))
        rows += [("", field.name, _bits(field.lsb, field.width), "", field.doc) for field in entry.fields]
    return _table(("offset", "register / field", "bits", "access", "meaning"), rows)


def _allowed(field: Field, config: AcceleratorConfig) -> str:
    if field.kind in (Kind.ADDRESS, Kind.STRIDE):
        return f"multiples of {ALIGNMENT}"
    low = 1 if field.kind is Kind.SIZE else 0
    multiples = f", multiples of {field.multiple}" if field.multiple > 1 else ""
    return f"{low}..{field.maximum(config)}{multiples}"


def _command(spec: CommandSpec, config: AcceleratorConfig) -> str:
    rows: list[tuple[object, ...]] = [(0, "7:0", "opcode", spec.opcode.value, "")]
    rows += [(0, FLAGS_LSB + exact_log2(flag), f"flag {flag.name}", "0..1", "") for flag in spec.flags]
    rows += [
        (field.word, _bits(field.lsb, field.width), field.name, _allowed(field, config), field.doc)
        for field in spec.fields
    ]
    return f"### {spec.name}\n\n{spec.doc}\n\n" + _table(("word", "bits", "field", "allowed", "meaning"), rows)


def markdown(config: AcceleratorConfig) -> str:
    """The register map with the constants of ``config``, the error codes, and the commands with the limits of
    ``config``."""
    sections = [
        f"# Registers and commands of configuration {config.name}",
        "## Registers",
        _registers(config),
        "## Error codes",
        _table(("code", "name", "meaning"), ((code.value, code.name, code.meaning) for code in ErrorCode)),
        "## Commands",
        "A command is sixteen little-endian 32-bit words. Bits that no field names are zero.",
        *(_command(spec, config) for spec in COMMANDS.values()),
    ]
    return "\n\n".join(sections) + "\n"
