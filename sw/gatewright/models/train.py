"""One call that gives the trained hybrid model, from the cache where it is there."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import torch

from gatewright.cache import cached_directory, digest
from gatewright.models.data import MovieLens
from gatewright.models.determinism import deterministic
from gatewright.models.evaluate import Quality, popularity_scores, rank_quality
from gatewright.models.fusion import FusionOptions, HybridFusion
from gatewright.models.lightgcn import LightGCN, LightGCNOptions, train_lightgcn
from gatewright.models.reference import HybridReference
from gatewright.models.sources import code_version
from gatewright.models.text import TextEncoder, load_text_encoder
from gatewright.models.text_vectors import TEXT_SOURCES, item_vectors
from gatewright.models.train_fusion import FusionTraining, profile_texts, train_fusion
from gatewright.progress import Progress

__all__ = ["TrainedHybrid", "TrainingOptions", "train_or_load"]

MODEL_SOURCES = (*(f"models/{name}" for name in (
    "evaluate", "fusion", "lightgcn", "reference", "train", "train_fusion",
)), *TEXT_SOURCES)  # fmt: skip
"""The source files, and folders of them, that a trained model depends on."""


@dataclass(frozen=True)
class TrainingOptions:
    """Everything that decides what a trained model looks like, apart from the data."""

    seed: int = 0
    held_out: float = 0.1  # share of each user's latest ratings kept for the quality report
    graph: LightGCNOptions = field(default_factory=LightGCNOptions)
    fusion: FusionOptions = field(default_factory=FusionOptions)
    training: FusionTraining = field(default_factory=FusionTraining)


@dataclass(frozen=True)
class TrainedHybrid:
    """A trained model and the data it serves.

    Attributes
    ----------
    data : all ratings; the graph that requests run on
    gcn, fusion : the trained modules
    text : float32 [items, 384], unit vectors of the item texts
    quality : Quality by model name ("popularity", "lightgcn", "hybrid") on ratings held out from training
    key : identity of data, options and code
    """

    data: MovieLens
    gcn: LightGCN
    fusion: HybridFusion
    text: np.ndarray
    quality: dict[str, Quality]
    key: str

    def reference(self, data: MovieLens | None = None) -> HybridReference:
        """The float model that answers requests over the ratings of ``data`` (default: all)."""
        return HybridReference(data or self.data, self.gcn, self.fusion, self.text)


def train_or_load(
    data: MovieLens, options: TrainingOptions | None = None, progress: Progress | None = None
) -> TrainedHybrid:
    """The hybrid model for ``data``, trained on first use and then kept in the cache.

    The default data and options train in about a minute. On one machine the same inputs give the same model.
    """
    options = options or TrainingOptions()
    hyperparameters = json.dumps(asdict(options), sort_keys=True)
    key = digest(data.fingerprint, hyperparameters, code_version(*MODEL_SOURCES), torch.__version__)
    folder = cached_directory("models", key, lambda path: _train(data, options, path, progress))
    state = torch.load(folder / "model.pt", weights_only=True)
    gcn = LightGCN(data.n_users, data.n_items, options.graph, torch.Generator())
    gcn.load_state_dict(state["gcn"])
    text = np.load(folder / "text.npy")
    fusion = HybridFusion(options.graph.width, text.shape[1], options.fusion)
    fusion.load_state_dict(state["fusion"])
    quality = {name: Quality(**entry) for name, entry in json.loads((folder / "quality.json").read_text()).items()}
    return TrainedHybrid(data, gcn.eval(), fusion.eval(), text, quality, key)


@deterministic()
def _train(data: MovieLens, options: TrainingOptions, folder: Path, progress: Progress | None) -> None:
    def stage(name: str) -> Callable[[int, int], None] | None:
        return (lambda done, total: progress(name, done, total)) if progress else None

    encoder = load_text_encoder()
    text = item_vectors(data, stage("reading titles"))
    train, held_out = data.hold_out_latest(options.held_out)
    gcn = train_lightgcn(train, options.graph, options.seed, stage("training LightGCN"))
    fusion = train_fusion(
        train, gcn, text, encoder, options.fusion, options.training, options.seed, stage("training fusion")
    )
    quality = _quality(train, held_out, HybridReference(train, gcn, fusion, text), encoder)
    with (folder / "model.pt").open("wb") as file:  # a full disk is an OSError here, in torch it is a RuntimeError
        state = BytesIO()
        torch.save({"gcn": gcn.state_dict(), "fusion": fusion.state_dict()}, state)
        file.write(state.getvalue())
    np.save(folder / "text.npy", text)
    (folder / "quality.json").write_text(json.dumps({name: asdict(value) for name, value in quality.items()}, indent=1))


def _quality(
    train: MovieLens, held_out: MovieLens, reference: HybridReference, encoder: TextEncoder, batch: int = 512
) -> dict[str, Quality]:
    profiles = encoder.encode(profile_texts(train))
    found: dict[str, list[Quality]] = {"popularity": [], "lightgcn": [], "hybrid": []}
    for first in range(0, train.n_users, batch):
        users = np.arange(first, min(first + batch, train.n_users))
        scores = {
            "popularity": popularity_scores(train, len(users)),
            "lightgcn": (reference.user_graph[users] @ reference.item_graph.T).numpy(),
            "hybrid": reference.scores(users, profiles[users]),
        }
        for name, values in scores.items():
            found[name].append(rank_quality(values, users, train, held_out))
    return {name: _mean(parts) for name, parts in found.items()}


def _mean(parts: list[Quality]) -> Quality:
    users = sum(part.users for part in parts)
    share = [part.users / max(users, 1) for part in parts]
    ndcg, recall = (sum(getattr(p, name) * s for p, s in zip(parts, share, strict=True)) for name in ("ndcg", "recall"))
    return Quality(ndcg, recall, users, parts[0].k)
