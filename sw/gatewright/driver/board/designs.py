"""Which built design to load: the one that is named, or the newest that fits; checked before a board is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gatewright.artefact import ArtefactError, Built, Manifest, load_built
from gatewright.artefact.manifest import MANIFEST, load_manifest
from gatewright.driver.board.vouched import SETTING, check_vouched, is_vouched
from gatewright.driver.errors import BackendUnavailable, ConfigMismatch, NoBitstream
from gatewright.spec.boards import BOARDS
from gatewright.spec.config import AcceleratorConfig

__all__ = ["board_name", "check_board", "choose_design", "named_design"]

BITSTREAMS = "bitstreams"
_CHECKOUT = Path(__file__).parents[4]
_SIMULATION = "simulation"


def board_name(pynq_board: str) -> str:
    """Our name of the board that an image calls ``pynq_board`` (``Pynq-Z2``); empty where it is none of ours."""
    wanted = re.sub(r"[^a-z0-9]+", "-", pynq_board.lower()).strip("-")
    return wanted if wanted in BOARDS else ""


def choose_design(config: AcceleratorConfig | None, board: str, bitstream: str | Path | None) -> Built:
    """The design to load: ``bitstream``, or the newest one of ``config`` (None: any) for ``board`` (empty: the only
    board that there are any for).

    Raises :class:`ArtefactError` for files that are damaged or do not fit each other, :class:`ConfigMismatch` for
    another configuration or board, :class:`BackendUnavailable` where there is none.
    """
    built = named_design(bitstream) if bitstream is not None else _newest(config, board)
    check_board(built, board)
    manifest = built.manifest
    if config is not None and manifest.config_hash != config.hash_text:
        raise ConfigMismatch(
            f"{built.folder} was not made from config {config.name!r} (hash {config.hash_text}), but from "
            f"{manifest.config.name!r} (hash {manifest.config_hash})"
        )
    return built


def check_board(built: Built, board: str) -> None:
    """Raise :class:`ConfigMismatch` where the design is for another board than ``board``, if that is known."""
    if board and built.manifest.board != board:
        raise ConfigMismatch(f"{built.folder} is for board {built.manifest.board!r}, this one is {board!r}")


def named_design(bitstream: str | Path) -> Built:
    """The design in a folder, or the one that a ``.bit`` file is of.

    Raises :class:`ArtefactError`, also where nobody vouches for it.
    """
    path = Path(bitstream)
    if path.suffix != ".bit" and path.exists() and not path.is_dir():
        raise ArtefactError(f"bitstream {path} is a file, allowed: the folder of a built design, or its .bit")
    folder = path.parent if path.suffix == ".bit" else path
    built = load_built(folder)
    if path.suffix == ".bit" and built.path(".bit").name != path.name:
        raise ArtefactError(f"bitstream {path} is not the one of {folder / MANIFEST}: {built.path('.bit').name}")
    check_vouched(built.manifest)
    return built


def _newest(config: AcceleratorConfig | None, board: str) -> Built:
    fitting = [
        (manifest, folder)
        for folder, manifest in _candidates(board)
        if config is None or manifest.config_hash == config.hash_text
    ]
    found = [(manifest.built, folder) for manifest, folder in fitting if not _passed_over(manifest)]
    if not found:
        what = f" of config {config.name!r}" if config else ""
        where = f"board {board!r}" if board else "any board"
        others = "".join(f"; {folder} is passed over, {_passed_over(manifest)}" for manifest, folder in fitting[:1])
        raise NoBitstream(
            f"no bitstream{what} for {where} in this folder or in {BITSTREAMS}/: gatewright build makes one{others}"
        )
    boards = sorted({manifest.board for manifest, folder in fitting if not _passed_over(manifest)})
    if len(boards) > 1:
        raise BackendUnavailable(
            f"the board's image names none of ours, and there are bitstreams for {' and '.join(boards)}: name it, "
            f"allowed: {', '.join(sorted(BOARDS))}"
        )
    return named_design(max(found)[1])


def _passed_over(manifest: Manifest) -> str:
    """Why a design is loaded only where it is named; empty for others."""
    if manifest.tool == _SIMULATION:
        return "since it holds no hardware: a virtual board takes it where its folder is named"
    if not is_vouched(manifest):
        return f"since nobody vouches for it: {SETTING} tells that you know"
    return ""


def _candidates(board: str) -> Iterator[tuple[Path, Manifest]]:
    """Folders with a sound manifest: here (a bundle), and in ``bitstreams`` here and in a checkout."""
    here = Path.cwd()
    names = [board] if board else list(BOARDS)
    places = [here, *(root / BITSTREAMS / name for root in (here, _CHECKOUT) for name in names)]
    for place in dict.fromkeys(places):
        for folder in (place, *_inside(place)):
            try:
                if not (folder / MANIFEST).is_file():
                    continue
                manifest = load_manifest(folder)
            except (ArtefactError, OSError):  # damaged, or others' alone
                continue
            if not board or manifest.board == board:
                yield folder, manifest


def _inside(place: Path) -> list[Path]:
    try:
        return sorted(place.iterdir())
    except OSError:
        return []
