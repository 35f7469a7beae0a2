"""The quantised hybrid model: everything a request needs, as numpy arrays in one file.

A real number is ``integer * scale``. Scales of activations are per column wherever the column's factor can move into
the weights that read it (G. Xiao et al., "SmoothQuant", 2023, with the layer norm's output scaled by the host), so
that a few large columns do not cost the others their precision.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatewright.recommender import storage
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.fixed import Requantise

__all__ = [
    "FORMAT_VERSION",
    "Catalogue",
    "LayerNorm",
    "QuantisedAttention",
    "QuantisedEncoder",
    "QuantisedEncoderLayer",
    "QuantisedFusion",
    "QuantisedGraph",
    "QuantisedHybrid",
    "QuantisedLinear",
]

FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class QuantisedLinear:
    """``y = x W^T + b`` as int8 [m, k] x int8 [n, k] + int32.

    Attributes
    ----------
    weight : int8 [n, k]
    bias : int32 [n], in accumulator units
    input_scale : float32 [k], real value of one unit of each input column
    scale : float32 [n], real value of one accumulator unit of each output column
    multiplier, shift : uint16 [n], uint8 [n], the requantiser of an int8 output; empty where the output is int32
    fine : whether the input goes as a high and a low part, for a layer with an int32 output whose rounding would show
    """

    weight: np.ndarray
    bias: np.ndarray
    input_scale: np.ndarray
    scale: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    fine: bool


@dataclass(frozen=True, eq=False)
class QuantisedAttention:
    """Projections and scaled dot-product attention: query, key and value give int8, the output projection int32.

    ``score`` and ``mix`` are the requantisers of the attention command: to log2 units, and to the units of ``out``'s
    input.
    """

    heads: int
    query: QuantisedLinear
    key: QuantisedLinear
    value: QuantisedLinear
    out: QuantisedLinear
    score: Requantise
    mix: Requantise


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """Layer norm on the host: float32 [width] gain and bias."""

    gain: np.ndarray
    bias: np.ndarray
    epsilon: float


@dataclass(frozen=True, eq=False)
class QuantisedEncoderLayer:
    """One transformer layer with the norms after the residual additions, as in BERT."""

    attention: QuantisedAttention
    attention_norm: LayerNorm
    inner: QuantisedLinear
    outer: QuantisedLinear
    norm: LayerNorm


@dataclass(frozen=True, eq=False)
class QuantisedEncoder:
    """all-MiniLM-L6-v2.

    Attributes
    ----------
    tokenizer : contents of the tokenizer's JSON file
    max_tokens : longest text in tokens, markers included; longer ones are cut
    words : float16 [vocabulary, width], token embeddings
    positions : float32 [max_tokens, width], position embeddings plus that of the (only) segment
    """

    tokenizer: str
    max_tokens: int
    words: np.ndarray
    positions: np.ndarray
    norm: LayerNorm
    layers: tuple[QuantisedEncoderLayer, ...]


@dataclass(frozen=True, eq=False)
class QuantisedGraph:
    """LightGCN's layer-0 vectors and the rating graph, for the vector of a user at request time.

    Attributes
    ----------
    user, item : int8 [users, width], [items, width], layer 0; one unit is ``user_scale``, ``item_scale``
    item_first : int8 [items, width], layer 1 of the items in units of ``item_first_scale``, for those beyond a
        request's
        budget of edges
    user_first_scale, user_second_scale : one unit of a user's layer 1 and layer 2
    by_user, by_item : normalised edges, users x items and items x users; a user's edges are ordered by time, oldest
        first
    half_stars : uint8 [ratings], 1 to 10, in the order of ``by_user``
    """

    user: np.ndarray
    item: np.ndarray
    item_first: np.ndarray
    user_scale: float
    item_scale: float
    item_first_scale: float
    user_first_scale: float
    user_second_scale: float
    by_user: CsrMatrix
    by_item: CsrMatrix
    half_stars: np.ndarray


@dataclass(frozen=True, eq=False)
class QuantisedFusion:
    """The fusion, and the table of all item vectors.

    Attributes
    ----------
    question : from unit graph vector and unit text vector, side by side
    positions, stars : float32 [history, width], [10, width], added to history tokens
    table : int8 [items, width]; the real vector of item i is ``table[i] * item_scale[i] * column_scale``
    item_scale, column_scale : float32 [items], [width]
    """

    question: QuantisedLinear
    attention: QuantisedAttention
    norm: LayerNorm
    inner: QuantisedLinear
    outer: QuantisedLinear
    positions: np.ndarray
    stars: np.ndarray
    table: np.ndarray
    item_scale: np.ndarray
    column_scale: np.ndarray


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What users and movies are called: int64 ids in ascending order, titles and genres by item index."""

    user_ids: np.ndarray
    movie_ids: np.ndarray
    titles: tuple[str, ...]
    genres: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class QuantisedHybrid:
    """The whole model. ``key`` identifies the trained model that it was made from."""

    key: str
    catalogue: Catalogue
    encoder: QuantisedEncoder
    graph: QuantisedGraph
    fusion: QuantisedFusion

    def save(self, path: str | Path) -> None:
        """Write to one ``.npz`` file."""
        storage.save(Path(path), self, FORMAT_VERSION)

    @classmethod
    def load(cls, path: str | Path) -> "QuantisedHybrid":
        """Read a file that `save` wrote; raises `ModelFileError` if it is missing, damaged or of another version."""
        return storage.load(Path(path), cls, FORMAT_VERSION)
