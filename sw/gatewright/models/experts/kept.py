"""Item vectors that take long to find and depend on few of a system's options, kept between trials and runs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gatewright.cache import cached_directory, digest
from gatewright.models.data import MovieLens
from gatewright.models.determinism import deterministic
from gatewright.sources import source_version

__all__ = ["kept_vectors"]


def kept_vectors(
    train: MovieLens, name: str, make: Callable[[], tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Keys and values [items, width] of ``make``, from the cache where it has those that ``name`` and ``train`` name.

    ``name`` holds all options that they depend on.
    """
    key = digest(train.fingerprint, name, source_version(make.__module__, __name__))

    def write(folder: Path) -> None:
        with deterministic():
            keys, values = make()
        np.savez(folder / "vectors.npz", keys=keys, values=values)

    with np.load(cached_directory("experts", key, write) / "vectors.npz") as found:
        return found["keys"], found["values"]
