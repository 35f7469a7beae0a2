"""Places in a row: words of 64 bits as the bus brings them, groups of ``lanes`` features as the lanes take them.

A row starts a word and is made of whole words, and a word of whole groups: eight lanes take a word at once, four lanes
half of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES

__all__ = ["RowPlace", "part_bits", "row_place"]

_LANES = (2, 4, 8)


@dataclass(frozen=True)
class RowPlace:
    """A group's place.

    Attributes
    ----------
    group : its number in its row.
    word, part : the word that it lies in, and which of that word's groups it is; no bits where that is the only one.
    ends_word, ends_row : it is the last group of its word, and of its row.
    """

    group: Value
    word: Value
    part: Value
    ends_word: Value
    ends_row: Value


def part_bits(component: str, lanes: int) -> int:
    """Bits of a group's place in its word. Raises :class:`ValueError` on ``lanes`` that ``component`` cannot have."""
    if lanes not in _LANES:
        raise ValueError(f"{component}: lanes is {lanes}, allowed {', '.join(map(str, _LANES))}")
    bits: int = exact_log2(BUS_BYTES // lanes)
    return bits


def row_place(m: Module, step: Value, last_word: Value, part_bits: int) -> RowPlace:
    """The place of the present group; ``step`` goes on to the next, behind word ``last_word`` to the next row."""
    group = Signal(len(last_word) + part_bits, name="group")
    part, word = group[:part_bits], group[part_bits:]
    ends_row = group == Cat(Const(2**part_bits - 1, part_bits), last_word)
    with m.If(step):
        m.d.sync += group.eq(Mux(ends_row, 0, group + 1))
    return RowPlace(group, word, part, part.all(), ends_row)
