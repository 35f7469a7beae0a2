"""A fault, and a design that holds many."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Mutant", "Mutated"]


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes
    ----------
    number : what selects it in its design, from 1 on.
    key : where it is and what it does, in words that outlive changes of other lines.
    kind : of fault.
    line : of the file with which the key begins.
    """

    number: int
    key: str
    kind: str
    line: int

    @property
    def file(self) -> str:
        """Relative to the hardware's package."""
        return self.key.split(": ", 1)[0]


@dataclass(frozen=True)
class Mutated:
    """A design's Verilog with a port ``mutant``, and its mutants."""

    verilog: str
    mutants: tuple[Mutant, ...]
