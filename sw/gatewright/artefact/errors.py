"""What can be wrong with a built design."""

from __future__ import annotations

from gatewright.spec.errors import GatewrightError

__all__ = ["ArtefactError"]


class ArtefactError(GatewrightError):
    """A bitstream, handoff or manifest that is missing, damaged, or of another design; the message names the file."""
