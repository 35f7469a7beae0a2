"""Project X-Ray's database of a part: which bits of which frame mean what, and which wires of tiles are one.

Its files are described in Project X-Ray's documentation, "Database". All that is read is kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gatewright.files import reason
from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.frames import Frames

__all__ = ["PASSES_ON", "Database", "Pip", "Segbit", "Tile", "holds"]

PASSES_ON = "BUFHCE"
"""The buffer between a clock's backbone and a row of its region, whose output is its input while it is enabled."""


@dataclass(frozen=True)
class Segbit:
    """One bit of a feature: frame and bit relative to the tile's first, and the value that it must have."""

    frame: int
    bit: int
    value: bool


@dataclass(frozen=True)
class Pip:
    """A switch between two wires of a tile, ``src`` driving ``dst``.

    ``kind``: ``always`` closed; closed when ``set`` by bits; of the ``rest``, closed where no other is set; or the
    ``default`` where nothing else could drive ``dst``.
    """

    dst: str
    src: str
    kind: str


@dataclass(frozen=True)
class Tile:
    """An entry of the grid."""

    name: str
    kind: str
    x: int
    y: int
    sites: dict[str, str]
    bits: dict[str, dict[str, Any]]


class Database:
    """The database's folder of one family, for one part.

    Parameters
    ----------
    root : the family's folder, ``.../zynq7``.
    part : with package and grade, ``xc7z010clg400-1``.
    device : without, ``xc7z010``.

    Everything raises :class:`BuildError` that names the file which is missing or damaged.
    """

    def __init__(self, root: Path, part: str, device: str) -> None:
        self.root, self.part_name, self.device = root, part, device

    @cached_property
    def part(self) -> dict[str, Any]:
        """``part.json``: IDCODE and frames."""
        return dict(self._json(self.root / self.part_name / "part.json"))

    @cached_property
    def tiles(self) -> dict[str, Tile]:
        """The grid by name."""
        grid = self._json(self.root / self.device / "tilegrid.json")
        return {
            name: Tile(name, tile["type"], tile["grid_x"], tile["grid_y"], tile["sites"], tile["bits"])
            for name, tile in grid.items()
        }

    @cached_property
    def tile_at(self) -> dict[tuple[int, int], Tile]:
        """The grid by place."""
        return {(tile.x, tile.y): tile for tile in self.tiles.values()}

    @cached_property
    def tile_of_site(self) -> dict[str, Tile]:
        """The tile that holds a site, ``DSP48_X0Y10``."""
        return {site: tile for tile in self.tiles.values() for site in tile.sites}

    @cached_property
    def connections(self) -> dict[tuple[str, str], list[tuple[int, int, str, str]]]:
        """Of a wire of a kind of tile: distance, kind and name of the wires of neighbours that are one with it."""
        found: dict[tuple[str, str], list[tuple[int, int, str, str]]] = {}
        for entry in self._json(self.root / self.device / "tileconn.json"):
            (dx, dy), (one, other) = entry["grid_deltas"], entry["tile_types"]
            for wire, its in entry["wire_pairs"]:
                found.setdefault((one, wire), []).append((dx, dy, other, its))
                found.setdefault((other, its), []).append((-dx, -dy, one, wire))
        return found

    @cache  # noqa: B019 - a database lives as long as the build
    def segbits(self, kind: str) -> dict[str, tuple[Segbit, ...]]:
        """The bits of each feature of a kind of tile, whose name is no part of the feature's; some have none."""
        found = {}
        for line in self._lines(self.root / f"segbits_{kind.lower()}.db"):
            feature, *bits = line.split()
            found[feature.split(".", 1)[1]] = tuple(_segbit(bit) for bit in bits)
        return found

    @cache  # noqa: B019
    def pips(self, kind: str) -> dict[str, tuple[Pip, ...]]:
        """The switches of a kind of tile by the wire that they drive."""
        found: dict[str, list[Pip]] = {}
        types = dict.fromkeys(self.segbits(kind), "set")
        for line in self._lines(self.root / f"ppips_{kind.lower()}.db"):
            feature, how = line.split()
            types[feature.split(".", 1)[1]] = how
        for pip in self._tile_type(kind)["pips"].values():
            ends = (pip["dst_wire"], pip["src_wire"])
            for dst, src in (ends, ends[::-1])[: 2 - int(pip["is_directional"])]:
                found.setdefault(dst, []).append(Pip(dst, src, types.get(f"{dst}.{src}", "rest")))
        return {dst: tuple(pips) for dst, pips in found.items()}

    def site_wire(self, site: str, pin: str) -> tuple[Tile, str]:
        """Tile and wire of a site's pin."""
        tile = self.tile_of_site.get(site)
        if tile is None:
            raise BuildError(f"site {site} is not in {self.device}'s tile grid")
        alike = sorted((name for name, kind in tile.sites.items() if kind == tile.sites[site]), key=_coordinates)
        entries = [entry for entry in self._tile_type(tile.kind)["sites"] if entry["type"] == tile.sites[site]]
        entries.sort(key=lambda entry: (entry["x_coord"], entry["y_coord"]))
        try:
            return tile, entries[alike.index(site)]["site_pins"][pin]["wire"]
        except (KeyError, IndexError, TypeError):
            raise BuildError(f"site {site} of tile {tile.name} has no pin {pin} in the database") from None

    @cache  # noqa: B019
    def outputs(self, kind: str) -> frozenset[str]:
        """The wires of a kind of tile that sites drive; not those that only pass a clock on, whose input leads on."""
        return frozenset(
            pin["wire"]
            for site in self._tile_type(kind)["sites"]
            if site["type"] != PASSES_ON
            for name, pin in site["site_pins"].items()
            if pin and self._site_type(site["type"])["site_pins"][name]["direction"] == "OUT"
        )

    @cache  # noqa: B019
    def _site_type(self, kind: str) -> dict[str, Any]:
        return dict(self._json(self.root / f"site_type_{kind}.json"))

    @cache  # noqa: B019
    def _tile_type(self, kind: str) -> dict[str, Any]:
        return dict(self._json(self.root / f"tile_type_{kind}.json"))

    def _text(self, path: Path) -> str:
        try:
            return path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            why = reason(error) if isinstance(error, OSError) else "no text"
            raise BuildError(f"Project X-Ray's database lacks what {self.part_name} needs: {path}: {why}") from None

    def _json(self, path: Path) -> Any:
        try:
            return json.loads(self._text(path))
        except ValueError as error:
            raise BuildError(f"Project X-Ray's database is damaged: {path}: {error}") from None

    def _lines(self, path: Path) -> list[str]:
        """Lines of a file that only some kinds of tiles have."""
        return [line for line in self._text(path).splitlines() if line.strip()] if path.exists() else []


def holds(frames: Frames, base: int, offset: int, bits: tuple[Segbit, ...]) -> bool:
    """Whether all ``bits`` of a tile with its first frame at ``base`` and first word at ``offset`` are as they say."""
    for entry in bits:
        word = int(frames[base + entry.frame][offset + entry.bit // 32])
        if bool(word >> entry.bit % 32 & 1) is not entry.value:
            return False
    return True


def _segbit(text: str) -> Segbit:
    frame, bit = text.lstrip("!").split("_")
    return Segbit(int(frame), int(bit), not text.startswith("!"))


def _coordinates(site: str) -> tuple[int, int]:
    x, y = site.rsplit("_X", 1)[1].split("Y")
    return int(x), int(y)
