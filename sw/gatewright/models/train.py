"""One call that gives the trained hybrid model, from the cache where it is there."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from gatewright.cache import cached_directory, digest
from gatewright.models.data import MovieLens
from gatewright.models.evaluate import Quality, popularity_scores, rank_quality
from gatewright.models.experts import Hybrid, Learnt
from gatewright.models.reference import HybridReference
from gatewright.models.text_vectors import item_vectors
from gatewright.progress import Progress
from gatewright.recommender import storage
from gatewright.sources import source_version

__all__ = ["TrainedHybrid", "TrainingOptions", "train_or_load"]

MODEL_FILE, QUALITY_FILE = "model.npz", "quality.json"
FORMAT_VERSION = 1  # of the model file; another source is another entry of the cache


@dataclass(frozen=True)
class TrainingOptions:
    """Everything that decides what a trained model looks like, apart from the data."""

    held_out: float = 0.1  # share of each user's latest ratings kept for the quality report
    hybrid: Hybrid = field(default_factory=Hybrid)


@dataclass(frozen=True)
class TrainedHybrid:
    """A trained model and the data it serves.

    Attributes
    ----------
    data : all ratings; the histories that requests are about
    learnt : from all of them
    quality : Quality by model name ("popularity", "hybrid") on ratings held out from training
    key : identity of data, options and code
    """

    data: MovieLens
    learnt: Learnt
    quality: dict[str, Quality]
    key: str

    def reference(self, data: MovieLens | None = None) -> HybridReference:
        """The float model that answers requests over the ratings of ``data`` (default: all)."""
        return HybridReference(self.learnt, data or self.data)


def train_or_load(
    data: MovieLens, options: TrainingOptions | None = None, progress: Progress | None = None
) -> TrainedHybrid:
    """The hybrid model for ``data``, trained on first use and then kept in the cache.

    The default data and options train in about two minutes. On one machine the same inputs give the same model.
    """
    options = options or TrainingOptions()
    hyperparameters = json.dumps(asdict(options), sort_keys=True)
    key = digest(data.fingerprint, hyperparameters, source_version(__name__))
    folder = cached_directory("models", key, lambda path: _train(data, options, path, progress))
    learnt = storage.load(folder / MODEL_FILE, Learnt, FORMAT_VERSION)
    quality = {name: Quality(**entry) for name, entry in json.loads((folder / QUALITY_FILE).read_text()).items()}
    return TrainedHybrid(data, learnt, quality, key)


def _train(data: MovieLens, options: TrainingOptions, folder: Path, progress: Progress | None) -> None:
    def stage(name: str) -> Callable[[int, int], None] | None:
        return (lambda done, total: progress(name, done, total)) if progress else None

    item_vectors(data, stage("reading titles"))
    train, held_out = data.hold_out_latest(options.held_out)
    measured = options.hybrid.learn(train, stage("learning from all but the latest ratings"))
    quality = _quality(train, held_out, measured)
    learnt = options.hybrid.learn(data, stage("learning from all ratings"))
    storage.save(folder / MODEL_FILE, learnt, FORMAT_VERSION)
    (folder / QUALITY_FILE).write_text(json.dumps({name: asdict(value) for name, value in quality.items()}, indent=1))


def _quality(train: MovieLens, held_out: MovieLens, learnt: Learnt, batch: int = 512) -> dict[str, Quality]:
    heard = learnt.condensed.hear(train)
    found: dict[str, list[Quality]] = {"popularity": [], "hybrid": []}
    for first in range(0, train.n_users, batch):
        users = np.arange(first, min(first + batch, train.n_users))
        for name, scores in (("popularity", popularity_scores(train, len(users))), ("hybrid", heard.scores(users))):
            found[name].append(rank_quality(scores, users, train, held_out))
    return {name: _mean(parts) for name, parts in found.items()}


def _mean(parts: list[Quality]) -> Quality:
    users = sum(part.users for part in parts)
    share = [part.users / max(users, 1) for part in parts]
    ndcg, recall = (sum(getattr(p, name) * s for p, s in zip(parts, share, strict=True)) for name in ("ndcg", "recall"))
    return Quality(ndcg, recall, users, parts[0].k)
