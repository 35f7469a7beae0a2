"""What can be wrong with a build."""

from __future__ import annotations

from gatewright.artefact import ArtefactError

__all__ = ["BuildError", "TookTooLong"]


class BuildError(ArtefactError):
    """A tool that is missing, fails or hangs, or a design that does not meet its clock; the message says which."""


class TookTooLong(BuildError):
    """A tool that was ended at the timeout: another try would take as long."""
