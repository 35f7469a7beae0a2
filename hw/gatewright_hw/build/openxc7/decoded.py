"""A bitstream read back: which features a tile has, and what drives a wire."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.database import Database, Tile, holds
from gatewright_hw.build.openxc7.frames import Frames

__all__ = ["CONSTANTS", "Decoded", "Source"]

CONSTANTS = {
    "GND_WIRE": 0,
    "VCC_WIRE": 1,
    **{f"DSP_{name}_{side}": value for value, name in enumerate(("GND", "VCC")) for side in "LR"},
}
"""Wires that are always 0 or 1."""
_LIMIT = 10_000
"""Switches of the longest route; beyond, it runs in a circle."""


@dataclass(frozen=True)
class Source:
    """What drives a wire: a constant, or the pin (a wire of a tile) of a site; neither where nothing does."""

    constant: int | None = None
    tile: str = ""
    wire: str = ""

    @property
    def exists(self) -> bool:
        """Whether anything drives it."""
        return self.constant is not None or bool(self.tile)

    def __str__(self) -> str:
        if self.constant is not None:
            return f"constant {self.constant}"
        return f"{self.tile}.{self.wire}" if self.tile else "nothing"


class Decoded:
    """Frames with the database that gives them their meaning."""

    def __init__(self, database: Database, frames: Frames) -> None:
        self.database, self.frames = database, frames

    def has(self, tile: Tile, feature: str) -> bool:
        """Whether ``tile`` has the feature. Raises :class:`BuildError` where the database gives no bits for it."""
        try:
            block, bits = tile.bits["CLB_IO_CLK"], self.database.segbits(tile.kind)[feature]
            return holds(self.frames, int(block["baseaddr"], 16), block["offset"], bits)
        except KeyError:
            raise BuildError(f"Project X-Ray's database has no bits for {tile.name}.{feature}") from None

    def known(self, tile: Tile, feature: str) -> bool:
        """Whether the database has bits for the feature."""
        return feature in self.database.segbits(tile.kind)

    def source(self, tile: Tile, wire: str) -> Source:
        """Follow closed switches backwards from a wire, through neighbours, to what drives it."""
        for _ in range(_LIMIT):
            if wire in CONSTANTS:
                return Source(constant=CONSTANTS[wire])
            for name, its in self.node(tile.name, wire):
                if its in self.database.outputs(self.database.tiles[name].kind):
                    return Source(tile=name, wire=its)
            step = self._driver(tile, wire)
            if step is None:
                break
            tile, wire = step
        return Source()

    def node(self, tile: str, wire: str) -> frozenset[tuple[str, str]]:
        """All wires, by tile and name, that are one with this one."""
        return _node(self.database, tile, wire)

    def _driver(self, tile: Tile, wire: str) -> tuple[Tile, str] | None:
        """Tile and source of the one closed switch that drives a wire."""
        found: dict[str, list[tuple[Tile, str]]] = {"set": [], "rest": [], "default": []}
        for name, its in self.node(tile.name, wire):
            here = self.database.tiles[name]
            for pip in self.database.pips(here.kind).get(its, ()):
                if pip.kind == "always" or (pip.kind == "set" and self.has(here, f"{pip.dst}.{pip.src}")):
                    found["set"].append((here, pip.src))
                elif pip.kind in ("rest", "default"):
                    found[pip.kind].append((here, pip.src))
        for candidates in found.values():
            if candidates:
                return candidates[0] if len(candidates) == 1 else None
        return None


@lru_cache(maxsize=1 << 16)
def _node(database: Database, tile: str, wire: str) -> frozenset[tuple[str, str]]:
    found, open_ = {(tile, wire)}, [(tile, wire)]
    while open_:
        name, its = open_.pop()
        here = database.tiles[name]
        for dx, dy, kind, other in database.connections.get((here.kind, its), ()):
            there = database.tile_at.get((here.x + dx, here.y + dy))
            if there is not None and there.kind == kind and (there.name, other) not in found:
                found.add((there.name, other))
                open_.append((there.name, other))
    return frozenset(found)
