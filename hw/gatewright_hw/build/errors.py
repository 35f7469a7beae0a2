"""What can be wrong with a build."""

from __future__ import annotations

from gatewright.artefact import ArtefactError

__all__ = ["BuildError"]


class BuildError(ArtefactError):
    """A tool that is missing, fails or hangs, or a design that does not meet its clock; the message says which."""
