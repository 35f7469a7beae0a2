"""``manifest.json`` beside a bitstream: what it was built from, by what, and how fast it may run."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gatewright.artefact.bitfile import BitFile, idcode, read_bit
from gatewright.artefact.errors import ArtefactError
from gatewright.artefact.fields import from_json
from gatewright.artefact.header import check_header
from gatewright.files import reason, written_whole
from gatewright.spec.boards import get_board
from gatewright.spec.clocks import ClockSetting
from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig
from gatewright.spec.errors import SpecError

__all__ = ["MANIFEST", "NOT_YET_RUN", "Built", "Clock", "Manifest", "load_built", "stem"]

MANIFEST = "manifest.json"
FORMAT_VERSION = 2
NOT_YET_RUN = "not yet run on a physical board"


@dataclass(frozen=True)
class Clock:
    """The fabric clock of a build, in MHz.

    Attributes
    ----------
    asked_mhz : what was asked for, as far as the board's dividers can make it.
    closed_mhz : the fastest clock that the tool stands for; the driver never sets a faster one.
    bound : empty where the tool timed every arc, else what ``closed_mhz`` rests on.
    untimed : kinds of arcs that the tool did not time.
    set_mhz, divisor0, divisor1 : what the driver sets.
    """

    asked_mhz: float
    closed_mhz: float
    bound: str
    untimed: tuple[str, ...]
    set_mhz: float
    divisor0: int
    divisor1: int


@dataclass(frozen=True)
class Manifest:
    """Attributes
    ----------
    board : name of the board.
    config, config_hash, design_hash, spec_version : the accelerator, its sources, its contract.
    clock : see :class:`Clock`.
    tool, tools : the flow (``openxc7``, ``vivado``, ``simulation``), and the version of each program of it.
    unvouched : why nobody vouches for what the tools made; empty where the flow does. A board takes such a design only
        from those who say that they know.
    utilisation : resources by name.
    revision : of the sources in git; empty outside of a checkout, with ``+`` where it had changes.
    built : time, UTC, ISO 8601.
    physical : who has run it on silicon, or NOT_YET_RUN.
    files : sha256 by file name.
    words_sha256 : of the bitstream's configuration words alone.
    """

    board: str
    config: AcceleratorConfig
    config_hash: str
    design_hash: str
    spec_version: tuple[int, int]
    clock: Clock
    tool: str
    tools: dict[str, str]
    unvouched: tuple[str, ...]
    utilisation: dict[str, float]
    revision: str
    built: str
    physical: str
    files: dict[str, str]
    words_sha256: str

    def name_of(self, suffix: str) -> str:
        """The file with this suffix. Raises :class:`ArtefactError` where there is none."""
        for name in self.files:
            if name.endswith(suffix):
                return name
        raise ArtefactError(f"the manifest of a {self.board} lists no {suffix} file")

    def save(self, folder: Path) -> Path:
        """Write it to ``folder``, whole or not at all."""
        path = folder / MANIFEST
        with written_whole(path) as file:
            file.write((json.dumps({"format": FORMAT_VERSION, **asdict(self)}, indent=2) + "\n").encode())
        return path


@dataclass(frozen=True)
class Built:
    """A built design whose files are all there and fit together."""

    folder: Path
    manifest: Manifest
    bit: BitFile

    def path(self, suffix: str) -> Path:
        """The one file with this suffix, such as ``.hwh``. Raises :class:`ArtefactError` where there is none."""
        return self.folder / self.manifest.name_of(suffix)


def stem(board: str, config_hash: str, bit_sha256: str) -> str:
    """The name of a built design's files. It changes with their content: a board keeps what it once was given."""
    return f"gatewright-{board}-{config_hash[:8]}-{bit_sha256[:8]}"


def load_manifest(folder: str | Path) -> Manifest:
    """The manifest in ``folder``. Raises :class:`ArtefactError` that names the field."""
    path = Path(folder) / MANIFEST
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise ArtefactError(f"{path}: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path} is no JSON: {error}") from None
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT_VERSION:
        message = f"{path}: not a manifest of format {FORMAT_VERSION}, the one that this release reads: build it again"
        raise ArtefactError(message)
    try:
        return _checked(content)
    except ArtefactError as error:
        said = " ".join(str(error).split())  # what it quotes may hold line ends
        raise ArtefactError(f"{path}: {said}") from None


def _checked(content: dict[str, Any]) -> Manifest:
    """Fields that fit each other, the board and this release."""
    try:
        manifest = from_json(Manifest, content)
    except SpecError as error:
        raise ArtefactError(f"config: {error}") from None
    clock = manifest.clock
    try:
        setting = ClockSetting.of(get_board(manifest.board).fabric_pll_mhz, clock.divisor0, clock.divisor1)
    except SpecError as error:
        raise ArtefactError(str(error)) from None
    if manifest.spec_version != SPEC_VERSION:
        theirs, ours = (".".join(map(str, version)) for version in (manifest.spec_version, SPEC_VERSION))
        raise ArtefactError(f"spec_version is {theirs}, allowed {ours}, the contract of this release")
    if manifest.config.hash_text != manifest.config_hash:
        raise ArtefactError(f"config_hash is {manifest.config_hash}, its config's is {manifest.config.hash_text}")
    if not math.isclose(setting.mhz, clock.set_mhz, rel_tol=1e-6):
        raise ArtefactError(f"clock.set_mhz is {clock.set_mhz:g}, its divisors make {setting.mhz:g}")
    if clock.set_mhz > clock.closed_mhz * (1 + 1e-9):
        raise ArtefactError(f"clock.set_mhz is {clock.set_mhz:g}, above clock.closed_mhz {clock.closed_mhz:g}")
    for name, digest in manifest.files.items():
        if not (name and Path(name).name == name and name.isascii() and name.isprintable()):
            raise ArtefactError(f"files names {name!r}, allowed: printable ASCII without folders")
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise ArtefactError(f"files gives {name} the sha256 {digest!r:.80}, allowed: 64 hexadecimal digits")
    for suffix in (".bit", ".hwh"):
        count = sum(name.endswith(suffix) for name in manifest.files)
        if count != 1:
            raise ArtefactError(f"files names {count} {suffix} files, allowed 1")
    bit, hwh = (Path(manifest.name_of(suffix)) for suffix in (".bit", ".hwh"))
    if bit.stem != hwh.stem:  # PYNQ reads the handoff that is named as the bitstream is
        raise ArtefactError(f"files names {bit} and {hwh}, allowed: one name for both")
    return manifest


def load_built(folder: str | Path) -> Built:
    """The built design in ``folder``, every file checked against the manifest. Raises :class:`ArtefactError`."""
    folder = Path(folder)
    manifest = load_manifest(folder)
    listed = folder / MANIFEST
    for name, digest in manifest.files.items():
        path = folder / name
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ArtefactError(f"{path}: {reason(error)}") from None
        if found != digest:
            raise ArtefactError(f"{path} is not the file of {listed}: sha256 {found[:16]}, not {digest[:16]}")
    board = get_board(manifest.board)
    path = folder / manifest.name_of(".bit")
    bit = read_bit(path)
    if bit.words_sha256 != manifest.words_sha256:
        raise ArtefactError(f"{path} holds words of sha256 {bit.words_sha256[:16]}, {listed} says otherwise")
    if bit.part != board.part:
        raise ArtefactError(f"{path} is for part {bit.part}, board {board.name} has {board.part}")
    given = idcode(bit.words)
    if board.idcode is not None and given != board.idcode:
        identity = "no part's identity" if given is None else f"the identity {given:#09x}"
        raise ArtefactError(f"{path} has {identity}, board {board.name} has {board.idcode:#09x}")
    handoff = folder / manifest.name_of(".hwh")
    try:
        check_header(bit.design, asdict(manifest), handoff.read_bytes())
    except ArtefactError as error:
        raise ArtefactError(f"{path}: {error}") from None
    return Built(folder, manifest, bit)
