"""Block RAM of a netlist as the model in block_ram.v: pins and parameters for a cell, and which modes are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from gatewright_hw.build.openxc7.netlist import Bit, Cell
from gatewright_sim.gates.errors import GateError

__all__ = ["BLOCK_RAMS", "MODEL", "model_cell"]

MODEL = Path(__file__).with_name("block_ram.v")

BLOCK_RAMS = {"RAMB18E1": 14, "RAMB36E1": 15}
"""Bits of an address by kind of cell; one address is a bit of data."""

_WIDTHS = {1: (1, 0), 2: (2, 0), 4: (4, 0), 9: (8, 1), 18: (16, 2), 36: (32, 4), 72: (64, 8)}
"""Bits of data and of parity of a word."""
_WIDEST = {"RAMB18E1": {"TDP": 18, "SDP": 36}, "RAMB36E1": {"TDP": 36, "SDP": 72}}
_ONE_VALUE = {
    **dict.fromkeys(("DOA_REG", "DOB_REG"), "0"),
    **dict.fromkeys(("RAM_EXTENSION_A", "RAM_EXTENSION_B"), "NONE"),
    **dict.fromkeys(("EN_ECC_READ", "EN_ECC_WRITE"), "FALSE"),
    **{f"IS_{pin}_INVERTED": "0" for pin in ("CLKARDCLK", "CLKBWRCLK", "ENARDEN", "ENBWREN")},
}
"""Parameters with one value that the model knows, which is the default."""
_UNUSED = ("RSTRAMARSTRAM", "RSTRAMB", "RSTREGARSTREG", "RSTREGB", "INJECTSBITERR", "INJECTDBITERR")
_CLOCK, _ENABLE = {"A": "CLKARDCLK", "B": "CLKBWRCLK"}, {"A": "ENARDEN", "B": "ENBWREN"}
_ADDRESS, _WRITE = {"A": "ADDRARDADDR", "B": "ADDRBWRADDR"}, {"A": "WEA", "B": "WEBWE"}
_KIND = "gatewright_block_ram"
_T = TypeVar("_T")


def model_cell(cell: Cell, keeps: bool) -> Cell:
    """``cell`` as an instance of the model. ``keeps``: it begins with what its INIT says; else with anything, unless
    nothing writes it. Raises :class:`GateError` for a mode that the model does not know."""
    mode = _check(cell)
    writer, reader = "BA" if mode == "SDP" or cell.number("WRITE_WIDTH_B", 0) else "AB"
    width = _width(cell, mode, reader)
    data, parity = _WIDTHS[width]
    first, last = (data - 1).bit_length(), BLOCK_RAMS[cell.kind]
    sides = {side: "AB" if mode == "SDP" else side for side in "AB"}  # whose data pins a port takes

    def word(way: str, side: str) -> tuple[Bit, ...]:
        pins = (f"D{way}{{0}}D{way}", f"D{way}P{{0}}D{way}P")
        found = ([bit for each in sides[side] for bit in cell.pins.get(pin.format(each), ())] for pin in pins)
        return tuple(_words(*(_filled(bits, count) for bits, count in zip(found, (data, parity), strict=True))))

    def output(side: str) -> str:
        share = data // len(sides[side])
        bits = [_value(cell, f"INIT_{each}", share + parity * share // data) for each in sides[side]]
        return _text(_words([b for each in bits for b in each[:share]], [b for each in bits for b in each[share:]]))

    enables = _filled(cell.pins.get(_WRITE[writer], ()), max(parity, 1), "0")
    written = cell.number(f"WRITE_WIDTH_{writer}", 0) and any(bit != "0" for bit in enables)
    parameters = {
        "ADDRESS": f"{last - first:032b}",
        "WIDTH": f"{width:032b}",
        "BYTES": f"{len(enables):032b}",
        "MODE": _allow(cell, f"WRITE_MODE_{writer}", "WRITE_FIRST", "READ_FIRST", "NO_CHANGE"),
        "KEEPS": "1" if keeps or not written else "0",
        "INIT": _text(
            _words(_storage(cell, "INIT_", 1 << last), _storage(cell, "INITP_", parity * (1 << last) // data))
        ),
        "INIT_W": output(writer),
        "INIT_R": output(reader),
    }
    pins = {
        "clk": _clock(cell, writer) or _clock(cell, reader) or (),
        "en_w": cell.pins[_ENABLE[writer]] if _clock(cell, writer) else ("0",),
        "addr_w": cell.pins[_ADDRESS[writer]][first:last],
        "we": enables if written else ("0",) * len(enables),
        "di": word("I", writer),
        "do_w": word("O", writer) if mode == "TDP" else ("x",) * width,
        "en_r": cell.pins[_ENABLE[reader]] if _clock(cell, reader) else ("0",),
        "addr_r": cell.pins[_ADDRESS[reader]][first:last],
        "do_r": word("O", reader),
    }
    return Cell(cell.name, _KIND, parameters, {}, pins, frozenset({"do_w", "do_r"}))


def _check(cell: Cell) -> str:
    """What the model never does; the cell's RAM_MODE."""
    for name, value in _ONE_VALUE.items():
        _allow(cell, name, value)
    if used := [pin for pin in _UNUSED if set(cell.pins.get(pin, ())) - {"0", "x"}]:
        raise GateError(f"{cell.kind} {cell.name}: pin {used[0]} is in use, allowed 0")
    if len({_clock(cell, side) for side in "AB"} - {None}) != 1:
        raise GateError(f"{cell.kind} {cell.name}: CLKARDCLK and CLKBWRCLK differ, allowed one clock")
    return _allow(cell, "RAM_MODE", "TDP", "SDP")


def _clock(cell: Cell, side: str) -> tuple[Bit, ...] | None:
    """The clock of a port; None of one that is not in use."""
    used = cell.number(f"READ_WIDTH_{side}", 0) or cell.number(f"WRITE_WIDTH_{side}", 0)
    return cell.pins[_CLOCK[side]] if used else None


def _width(cell: Cell, mode: str, reader: str) -> int:
    """The width of all ports that are in use."""
    names = [f"{way}_WIDTH_{side}" for side in "AB" for way in ("READ", "WRITE")]
    widths = {name: cell.number(name, 0) for name in names if cell.number(name, 0)}
    if forbidden := widths.keys() & ({"READ_WIDTH_B", "WRITE_WIDTH_A"} if mode == "SDP" else {f"WRITE_WIDTH_{reader}"}):
        raise GateError(f"{cell.kind} {cell.name}: parameter {min(forbidden)} is {widths[min(forbidden)]}, allowed 0")
    widest = _WIDEST[cell.kind][mode]
    allowed = [widest] if mode == "SDP" else [width for width in _WIDTHS if width <= widest]
    for name, width in widths.items():
        if width not in allowed or width != next(iter(widths.values())):
            which = f"{', '.join(map(str, allowed))}, the same for all ports"
            raise GateError(f"{cell.kind} {cell.name}: parameter {name} is {width}, allowed {which}")
    if not widths:
        raise GateError(f"{cell.kind} {cell.name}: parameters {', '.join(names)} are 0, allowed some width")
    return next(iter(widths.values()))


def _allow(cell: Cell, name: str, *allowed: str) -> str:
    """A parameter with one of a few values; the first is the default."""
    value = cell.text(name, allowed[0])
    if set(value) <= {"0", "1"}:
        value = str(int(value, 2))
    if value not in allowed:
        raise GateError(f"{cell.kind} {cell.name}: parameter {name} is {value}, allowed {', '.join(allowed)}")
    return value


def _value(cell: Cell, name: str, count: int) -> list[str]:
    """The lowest bits of a parameter, lowest first; those that nobody has set are 0."""
    bits = cell.text(name, "0")[::-1].replace("x", "0")
    return list(bits[:count].ljust(count, "0"))


def _storage(cell: Cell, prefix: str, count: int) -> list[str]:
    """All bits of a memory, which are spread over parameters of 256 each."""
    return [bit for index in range(-(-count // 256)) for bit in _value(cell, f"{prefix}{index:02X}", 256)]


def _words(data: Sequence[_T], parity: Sequence[_T]) -> list[_T]:
    """Bytes of nine bits, parity on top, where there is parity; data else."""
    if not parity:
        return list(data)
    return [bit for i, top in enumerate(parity) for bit in (*data[8 * i : 8 * i + 8], top)]


def _filled(bits: Sequence[Bit], count: int, value: Bit = "x") -> tuple[Bit, ...]:
    """So many bits; pins that a cell does not name are not connected."""
    return (*bits[:count], *[value] * (count - len(bits)))


def _text(bits: Sequence[str]) -> str:
    """As Yosys writes a number: highest bit first."""
    return "".join(reversed(bits))
