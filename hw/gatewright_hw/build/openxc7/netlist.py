"""A netlist as Yosys and nextpnr write it in JSON: cells, their parameters, and what their pins are connected to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gatewright_hw.build.errors import BuildError

__all__ = ["Bit", "Cell", "Netlist"]

Bit = int | str
"""A net's number, or the constant ``0``, ``1`` or ``x``."""


@dataclass(frozen=True)
class Cell:
    """A cell of the flat design."""

    name: str
    kind: str
    parameters: Mapping[str, str]
    attributes: Mapping[str, str]
    pins: Mapping[str, tuple[Bit, ...]]
    outputs: frozenset[str]

    @property
    def scope(self) -> str:
        """The instances that it comes from: as Yosys noted them, else by its name; empty where neither says it."""
        if noted := self.attributes.get("scopename"):
            return re.sub(r"\$\d+", "", noted.replace(" ", "."))  # Amaranth numbers names that are taken
        if "$" not in self.name:
            return ".".join(re.sub(r"(\.\d+)+$", "", self.name).split(".")[:-1])  # a memory's blocks are numbered
        return ""

    def number(self, name: str, default: int) -> int:
        """A parameter that is a number."""
        text = str(self.parameters.get(name, "")).strip()
        return int(text, 2) if text and not set(text) - {"0", "1"} else default

    def text(self, name: str, default: str) -> str:
        """A parameter that is text."""
        return str(self.parameters.get(name, default)).strip() or default


class Netlist:
    """The cells of one module by name."""

    def __init__(self, cells: Mapping[str, Cell]) -> None:
        self.cells = dict(cells)

    @classmethod
    def read(cls, path: Path, top: str = "") -> Netlist:
        """The module ``top`` of a JSON file; the only one where no name is given. Raises :class:`BuildError`."""
        try:
            modules = json.loads(path.read_text())["modules"]
            return cls.of(modules[top or next(iter(modules))])
        except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
            raise BuildError(f"netlist {path.name} has no readable module {top!r}: {error!r}") from None

    @classmethod
    def of(cls, module: Mapping[str, Any]) -> Netlist:
        """A module of the JSON. Raises KeyError and TypeError."""
        return cls({name: _cell(name, cell) for name, cell in module["cells"].items()})

    def of_kind(self, *kinds: str) -> list[Cell]:
        """All cells of these kinds, by name."""
        return [cell for _, cell in sorted(self.cells.items()) if cell.kind in kinds]

    @cached_property
    def drivers(self) -> dict[int, tuple[Cell, str, int]]:
        """The cell, pin and index that drive a net."""
        return {
            bit: (cell, pin, index)
            for cell in self.cells.values()
            for pin in cell.outputs
            for index, bit in enumerate(cell.pins.get(pin, ()))
            if isinstance(bit, int)
        }

    @cached_property
    def read_bits(self) -> frozenset[int]:
        """The nets that some cell takes in."""
        return frozenset(
            bit
            for cell in self.cells.values()
            for pin, bits in cell.pins.items()
            if pin not in cell.outputs
            for bit in bits
            if isinstance(bit, int)
        )


def _cell(name: str, entry: Mapping[str, Any]) -> Cell:
    return Cell(
        name,
        entry["type"],
        entry.get("parameters", {}),
        entry.get("attributes", {}),
        {pin: tuple(bits) for pin, bits in entry["connections"].items()},
        frozenset(pin for pin, way in entry.get("port_directions", {}).items() if way == "output"),
    )
