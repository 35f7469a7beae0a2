"""Designs that nobody vouches for reach a board only where somebody says that he knows, of this one design."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gatewright.artefact import ArtefactError, Manifest

__all__ = ["DOUBTFUL", "SETTING", "check_vouched", "doubts", "is_vouched"]

SETTING = "GATEWRIGHT_UNVOUCHED"
"""Environment variable: the name of the design's files, without suffix."""
DOUBTFUL = "trust no result before the self-test has passed; build it again with tools that nothing speaks against"
"""A remedy."""


def doubts(unvouched: Iterable[str]) -> str:
    """Why nobody vouches for a design, where its name has been said."""
    return f"nobody vouches for it: {'; '.join(unvouched)}"


def is_vouched(manifest: Manifest) -> bool:
    """Whether its flow vouches for the design, or whoever starts us takes it all the same."""
    return not manifest.unvouched or os.environ.get(SETTING) == _name(manifest)


def check_vouched(manifest: Manifest) -> None:
    """Raise :class:`ArtefactError` that says why nobody vouches for the design, and how it is taken all the same."""
    if not is_vouched(manifest):
        name, reasons = _name(manifest), "; ".join(manifest.unvouched)
        raise ArtefactError(
            f"nobody vouches for {name}: {reasons}; {SETTING}={name} takes it all the same, set "
            "for the agent as well where one loads it"
        )


def _name(manifest: Manifest) -> str:
    return Path(manifest.name_of(".bit")).stem
