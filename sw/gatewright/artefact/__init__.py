"""Built designs as files: bitstream, hardware handoff, manifest."""

from gatewright.artefact.bitfile import BitFile, read_bit
from gatewright.artefact.errors import ArtefactError
from gatewright.artefact.manifest import Built, Clock, Manifest, load_built

__all__ = ["ArtefactError", "BitFile", "Built", "Clock", "Manifest", "load_built", "read_bit"]
