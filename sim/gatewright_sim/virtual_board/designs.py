"""Which design a bitstream stands for. A virtual board cannot run configuration words: it runs the sources' RTL, and
takes the bitstreams that were built from just these sources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gatewright.artefact.bitfile import SYNC, SYNC_WITHIN, idcode, swapped, synchronised
from gatewright.artefact.errors import ArtefactError
from gatewright.artefact.manifest import MANIFEST, Manifest, load_manifest
from gatewright.artefact.simulation import identify
from gatewright.spec.boards import Board
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.errors import SpecError
from gatewright_hw.generate import design_hash
from gatewright_sim.virtual_board.errors import Refused

__all__ = ["Design", "recognise"]


@dataclass(frozen=True)
class Design:
    """What a bitstream programs.

    Attributes
    ----------
    config : the accelerator's.
    closed_mhz : the clock up to which its tool stands for it.
    words_sha256 : of the configuration words.
    """

    config: AcceleratorConfig
    closed_mhz: float
    words_sha256: str


def recognise(firmware: bytes, board: Board, folders: Iterable[Path]) -> Design:
    """The design of a firmware file, words as Linux' FPGA manager takes them. Raises :class:`Refused`.

    ``folders`` hold built designs; the manifests below them say which words are whose.
    """
    if len(firmware) % 4:
        raise Refused(f"it has {len(firmware):,} bytes, no multiple of 4: truncated")
    words = swapped(firmware)
    if synchronised(words) is None:
        hint = ", they are in the order of a .bit file" if SYNC in firmware[:SYNC_WITHIN] else ""
        raise Refused(f"no sync word in its first {SYNC_WITHIN} bytes{hint}")
    _check_part(words, board)
    digest = hashlib.sha256(words).hexdigest()
    claim = _claim(words, digest, folders)
    if claim.board != board.name:
        raise Refused(f"it was built for board {claim.board}")
    if claim.config_hash != claim.config.hash_text:
        raise Refused(f"its config {claim.config.name!r} has another hash than here: {claim.config_hash}")
    present = design_hash(claim.config)
    if claim.design_hash != present:
        raise Refused(f"it was built from other sources: design hash {claim.design_hash}, these have {present}")
    return Design(claim.config, claim.closed_mhz, digest)


def _check_part(words: bytes, board: Board) -> None:
    given = idcode(words)
    if given is None:
        raise Refused("it names no part: truncated, or of another family")
    if board.idcode is not None and given != board.idcode:
        raise Refused(f"its part has the identity {given:#09x}, {board.part} has {board.idcode:#09x}")


@dataclass(frozen=True)
class _Claim:
    """What is said of a bitstream, by itself or by a manifest."""

    board: str
    config: AcceleratorConfig
    config_hash: str
    design_hash: str
    closed_mhz: float


def _claim(words: bytes, digest: str, folders: Iterable[Path]) -> _Claim:
    try:
        said = identify(words)
        if said is not None:
            config = get_config(said.config)
            return _Claim(said.board, config, said.config_hash, said.design_hash, said.closed_mhz)
    except (ArtefactError, SpecError) as error:
        raise Refused(str(error)) from None
    found = _manifest(digest, folders)
    return _Claim(found.board, found.config, found.config_hash, found.design_hash, found.clock.closed_mhz)


def _manifest(digest: str, folders: Iterable[Path]) -> Manifest:
    for manifest in _manifests(folders):
        if manifest.words_sha256 == digest:
            return manifest
    raise Refused(f"a foreign bitstream: no manifest in the given folders has words of sha256 {digest[:16]}")


def _manifests(folders: Iterable[Path]) -> Iterator[Manifest]:
    for folder in folders:
        for path in sorted(folder.rglob(MANIFEST)):
            try:
                yield load_manifest(path.parent)
            except ArtefactError:
                continue  # damaged, or of another format: none of ours
