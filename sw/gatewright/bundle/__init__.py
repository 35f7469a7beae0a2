"""One folder that answers requests on a board: how it is written on a PC, and checked wherever it is used."""

from gatewright.bundle.contents import Bundle, BundleError, load_bundle

__all__ = ["Bundle", "BundleError", "load_bundle"]
