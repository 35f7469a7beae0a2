"""The AXI4-Lite register map. The RTL decoder, the driver's accessors and the documentation table are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig
from gatewright.spec.errors import SpecError

__all__ = [
    "BLOCK_NAME",
    "ENGINES",
    "ID",
    "REGISTERS",
    "REGISTER_BYTES",
    "Access",
    "BitField",
    "Register",
    "constants",
    "register",
]

BLOCK_NAME = "gatewright_top"
"""The Verilog module, and the name part of the VLNV (vendor:library:name:version) of the block in an overlay."""

REGISTER_BYTES = 4096
"""Size of the register block's address range."""

ENGINES = ("gemm", "attention", "aggregate", "vector")
"""What has counters of its own. GEMM and ATTENTION commands share the int8 array and are counted apart."""

ID = int.from_bytes(b"GWRT", "big")


class Access(Enum):
    """How the host may use a register."""

    CONSTANT = "constant"
    """Read only, fixed by the configuration."""
    RO = "read only"
    RW = "read/write"
    COMMAND = "write only: each 1 acts once, reads as 0"
    W1C = "read, write 1 to clear"


@dataclass(frozen=True)
class BitField:
    """``width`` bits at bit ``lsb``."""

    name: str
    lsb: int
    width: int
    doc: str


@dataclass(frozen=True)
class Register:
    """A 32-bit register at byte ``offset``."""

    name: str
    offset: int
    access: Access
    doc: str
    fields: tuple[BitField, ...] = ()

    def field(self, name: str) -> BitField:
        """The field called ``name``; :class:`SpecError` otherwise."""
        for field in self.fields:
            if field.name == name:
                return field
        raise SpecError(f"register {self.name} has no field {name!r}")

    @property
    def mask(self) -> int:
        """The bits that have a meaning: those of its fields, all where it has none."""
        return sum(((1 << field.width) - 1) << field.lsb for field in self.fields) or 0xFFFF_FFFF

    def extract(self, value: int, field: str) -> int:
        """One field of a register value."""
        bits = self.field(field)
        return value >> bits.lsb & ((1 << bits.width) - 1)


def _bits(*fields: tuple[str, int, int, str]) -> tuple[BitField, ...]:
    return tuple(BitField(*field) for field in fields)


_FIXED = (
    Register("ID", 0x000, Access.CONSTANT, "the letters GWRT"),
    Register("VERSION", 0x004, Access.CONSTANT, "contract version", _bits(("minor", 0, 16, ""), ("major", 16, 16, ""))),
    Register("CONFIG_HASH_LO", 0x008, Access.CONSTANT, "configuration hash, bits 31:0"),
    Register("CONFIG_HASH_HI", 0x00C, Access.CONSTANT, "configuration hash, bits 63:32"),
    Register(
        "CAP_ARRAY",
        0x010,
        Access.CONSTANT,
        "int8 array",
        _bits(
            ("rows", 0, 8, "rows of a tile"),
            ("cols", 8, 8, "columns of a tile"),
            ("lanes", 16, 8, "requantisers"),
            ("depth", 24, 8, "k in a cycle"),
        ),
    ),
    Register(
        "CAP_BUFFERS",
        0x014,
        Access.CONSTANT,
        "operand buffers",
        _bits(("a_depth", 0, 16, "words"), ("b_depth", 16, 16, "words")),
    ),
    Register(
        "CAP_ATTENTION",
        0x018,
        Access.CONSTANT,
        "attention",
        _bits(("max_seq", 0, 16, "most keys"), ("max_head_dim", 16, 16, "widest head")),
    ),
    Register(
        "CAP_AGGREGATE", 0x01C, Access.CONSTANT, "aggregation", _bits(("max_features", 0, 16, "widest row in bytes"))
    ),
    Register(
        "CONTROL",
        0x020,
        Access.COMMAND,
        "doorbell",
        _bits(
            ("start", 0, 1, "run the program; ignored while busy, and together with reset"),
            (
                "reset",
                1,
                1,
                "clear IRQ_STATUS at once, and as soon as the bus is at rest STATUS, ERROR, ERROR_INDEX, COMMAND_INDEX "
                "and the engines; busy until then",
            ),
        ),
    ),
    Register(
        "STATUS",
        0x024,
        Access.RO,
        "state",
        _bits(
            ("busy", 0, 1, "a program runs, or a reset waits for the bus"),
            ("done", 1, 1, "the last program ended; 0 after a reset"),
            ("error", 2, 1, "it ended by an error; 0 after a reset"),
        ),
    ),
    Register(
        "ERROR",
        0x028,
        Access.RO,
        "why the last program stopped; 0 without an error, and after a reset",
        _bits(("code", 0, 8, "see the error codes"), ("detail", 8, 8, "word of the command that is at fault")),
    ),
    Register("ERROR_INDEX", 0x02C, Access.RO, "index of the command that failed; 0 without an error"),
    Register("PROGRAM_ADDR", 0x030, Access.RW, "byte address of the first command, a multiple of 8; taken at a start"),
    Register("PROGRAM_COUNT", 0x034, Access.RW, "number of commands; taken at a start"),
    Register(
        "IRQ_ENABLE",
        0x038,
        Access.RW,
        "interrupt enable",
        _bits(("done", 0, 1, "irq is high while this bit and the one of IRQ_STATUS are 1")),
    ),
    Register(
        "IRQ_STATUS",
        0x03C,
        Access.W1C,
        "pending interrupts; one that comes in the cycle of its clearing stays",
        _bits(("done", 0, 1, "a program ended")),
    ),
    Register(
        "WATCHDOG",
        0x040,
        Access.RW,
        "most cycles from a command's fetch to its end; 0 = no limit. Taken at the fetch of each command",
    ),
    Register("COMMAND_INDEX", 0x044, Access.RO, "index of the command that runs, or ran last; 0 after a reset"),
    Register("CAP_VECTOR", 0x048, Access.CONSTANT, "vector", _bits(("max_columns", 0, 16, "widest row in elements"))),
)

_COUNTERS = (
    Register(
        "CYCLES",
        0x080,
        Access.RO,
        "cycles from doorbell to end of the last program. Like every counter, it begins at 0 when a start is taken, "
        "keeps its value over a reset and wraps at 2**32",
    ),
    Register("READ_BEATS", 0x084, Access.RO, "64-bit beats read by the last program, its commands included"),
    Register("WRITE_BEATS", 0x088, Access.RO, "64-bit beats written by the last program"),
    *(
        Register(f"{kind}_{engine.upper()}", base + 4 * index, Access.RO, text.format(engine))
        for kind, base, text in (
            ("CYCLES", 0x090, "cycles in which {} commands of the last program were with their engine"),
            ("COMMANDS", 0x0B0, "{} commands of the last program that ended without an error"),
        )
        for index, engine in enumerate(ENGINES)
    ),
)

REGISTERS: tuple[Register, ...] = _FIXED + _COUNTERS
"""Every register, by offset."""


_BY_NAME = {entry.name: entry for entry in REGISTERS}


def register(name: str) -> Register:
    """The register called ``name``; :class:`SpecError` otherwise."""
    if name not in _BY_NAME:
        raise SpecError(f"no register {name!r}, allowed: {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def constants(config: AcceleratorConfig) -> dict[str, int]:
    """The values of the CONSTANT registers under ``config``, by register name."""
    return {
        "ID": ID,
        "VERSION": SPEC_VERSION[0] << 16 | SPEC_VERSION[1],
        "CONFIG_HASH_LO": config.hash & 0xFFFF_FFFF,
        "CONFIG_HASH_HI": config.hash >> 32,
        "CAP_ARRAY": config.array_rows | config.array_cols << 8 | config.lanes << 16 | config.array_depth << 24,
        "CAP_BUFFERS": config.a_depth | config.b_depth << 16,
        "CAP_ATTENTION": config.max_seq | config.max_head_dim << 16,
        "CAP_AGGREGATE": config.max_features,
        "CAP_VECTOR": config.max_columns,
    }
