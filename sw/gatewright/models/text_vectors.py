"""What the language model makes of texts, kept."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gatewright.cache import cached_directory, digest
from gatewright.models.data import MovieLens
from gatewright.models.determinism import deterministic
from gatewright.models.text import item_texts, load_text_encoder
from gatewright.sources import source_version

__all__ = ["item_vectors", "text_vectors"]


def item_vectors(data: MovieLens, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
    """Unit vectors of all items' texts, float32 [items, 384], as the language model gives them without any training.

    They take longest and depend on the titles alone.
    """
    return text_vectors(item_texts(data), progress)


@deterministic()
def text_vectors(texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
    """Unit vectors of texts, float32 [texts, 384], from the cache where they are there."""

    def make(path: Path) -> None:
        np.save(path / "text.npy", load_text_encoder().encode(texts, progress=progress))

    key = digest("\0".join(texts), source_version(__name__))
    return np.load(cached_directory("text", key, make) / "text.npy")
