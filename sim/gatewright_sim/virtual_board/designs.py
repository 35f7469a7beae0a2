"""Which design a bitstream stands for. A virtual board cannot run configuration words: it runs the sources' RTL, and
takes the bitstreams that were built from just these sources.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gatewright.artefact.bitfile import SYNC, SYNC_WITHIN, swapped
from gatewright.artefact.errors import ArtefactError
from gatewright.artefact.manifest import MANIFEST, Manifest, load_manifest
from gatewright.artefact.simulation import identify
from gatewright.spec.boards import Board
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.errors import SpecError
from gatewright_hw.generate import design_hash
from gatewright_sim.virtual_board.errors import Refused

__all__ = ["Design", "recognise"]

WRITE_IDCODE = 0x3001_8001
IDCODE_BITS = 0x0FFF_FFFF
"""The upper four are the part's revision, which configuration ignores."""


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
    if not 0 <= words.find(SYNC) < SYNC_WITHIN:
        hint = ", they are in the order of a .bit file" if SYNC in firmware[:SYNC_WITHIN] else ""
        raise Refused(f"no sync word in its first {SYNC_WITHIN} bytes{hint}")
    _check_part(words, board)
    digest = hashlib.sha256(words).hexdigest()
    try:
        simulated = identify(words)
    except ArtefactError as error:
        raise Refused(str(error)) from None
    if simulated is not None:
        built_for, name, given_config, given_design = (
            simulated.board,
            simulated.config,
            simulated.config_hash,
            simulated.design_hash,
        )
        config, closed_mhz = _config(name), simulated.closed_mhz
    else:
        manifest = _manifest(digest, folders)
        built_for, config, closed_mhz = manifest.board, manifest.config, manifest.clock.closed_mhz
        given_config, given_design = manifest.config_hash, manifest.design_hash
    if built_for != board.name:
        raise Refused(f"it was built for board {built_for}")
    if given_config != config.hash_text:
        raise Refused(f"its config {config.name!r} has the hash {given_config}, here it has {config.hash_text}")
    present = design_hash(config)
    if given_design != present:
        raise Refused(f"it was built from other sources: design hash {given_design}, these have {present}")
    return Design(config, closed_mhz, digest)


def _config(name: str) -> AcceleratorConfig:
    try:
        return get_config(name)
    except SpecError as error:
        raise Refused(str(error)) from None


def _check_part(words: bytes, board: Board) -> None:
    """The bitstream's packet that writes the part's identity (UG470, IDCODE register)."""
    at = words.find(SYNC) + len(SYNC)
    packets = struct.unpack(f">{len(words[at:]) // 4}I", words[at:])
    given = next((packets[i + 1] for i, word in enumerate(packets[:-1]) if word == WRITE_IDCODE), None)
    if given is None:
        raise Refused("it has no packet that writes the part's identity: truncated or not for this family")
    if board.idcode is not None and given & IDCODE_BITS != board.idcode:
        raise Refused(
            f"it is for a part of identity {given & IDCODE_BITS:#09x}, this {board.part}'s {board.idcode:#09x}"
        )


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
