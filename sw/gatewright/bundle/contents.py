"""What a bundle holds, and whether it is all there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gatewright.artefact import Built, load_built
from gatewright.spec.errors import GatewrightError
from gatewright.sums import SUMS, damage

__all__ = ["ABOUT", "BITSTREAM", "MODEL", "PROGRAMS", "WHEELS", "About", "Bundle", "BundleError", "load_bundle"]

ABOUT = "bundle.json"
PROGRAMS = ("history.gwp", "query.gwp")
"""For requests without a query, and with one."""
MODEL = "model.npz"
"""Names, ratings and vocabulary."""
BITSTREAM = "bitstream"
"""Folder of the built design."""
WHEELS = "wheels"

FORMAT_VERSION = 2


class BundleError(GatewrightError):
    """A folder that is no bundle, or one that is damaged or cannot be written; the message names it."""


@dataclass(frozen=True)
class About:
    """``bundle.json``: the board, the accelerator's configuration, and the release that made the bundle."""

    board: str
    config: str
    config_hash: str
    gatewright: str

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT_VERSION, **asdict(self)}, indent=2) + "\n"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are all as they were made."""

    folder: Path
    about: About
    built: Built

    @property
    def programs(self) -> tuple[Path, Path]:
        """The compiled programs: for requests without a query, and with one."""
        history, query = PROGRAMS
        return self.folder / history, self.folder / query

    @property
    def model(self) -> Path:
        """Names, ratings and vocabulary."""
        return self.folder / MODEL


def load_bundle(folder: str | Path) -> Bundle:
    """The bundle in ``folder``, every file checked. Raises :class:`BundleError`, :class:`ArtefactError`."""
    folder = Path(folder)
    if not (folder / ABOUT).is_file():
        raise BundleError(f"{folder} is no bundle: it has no {ABOUT}; `gatewright bundle` makes one")
    wrong = damage(folder, more=True)
    if wrong is not None:
        raise BundleError(f"bundle {folder} is damaged: {wrong}; copy it again, and check it by `sha256sum -c {SUMS}`")
    about = _about(folder / ABOUT)
    built = load_built(folder / BITSTREAM)
    if built.manifest.config_hash != about.config_hash:
        raise BundleError(
            f"bundle {folder}: its bitstream is of config hash {built.manifest.config_hash}, its programs of "
            f"{about.config_hash}"
        )
    return Bundle(folder, about, built)


def _about(path: Path) -> About:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = content.pop("format")
        if found != FORMAT_VERSION:
            raise BundleError(f"{path}: format {found}, this release reads format {FORMAT_VERSION}")
        return About(**content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path} is not one of a bundle: {error}") from None
