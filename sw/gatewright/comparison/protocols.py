"""All protocols on the same ratings, and what each of them finds about a scorer, as `Quality`."""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.evaluation.protocols import FullRanking, Reranking, SampledRanking
from gatewright.evaluation.quality import Quality
from gatewright.evaluation.scorer import Scorer
from gatewright.models.data import MovieLens

__all__ = ["CAVEATS", "FULL", "PARTS", "RERANKING", "SAMPLED", "Protocols"]

FULL, SAMPLED, RERANKING = "full ranking", "1 + 99 sampled", "re-ranking"
PARTS = {
    f"{FULL}, warm items": "warm_items",
    f"{FULL}, cold items": "cold_items",
    f"{FULL}, warm users": "warm_users",
    f"{FULL}, cold users": "cold_users",
}
"""The parts of `FullRankingFound`, by the name that they have in reports."""

CAVEATS = {
    SAMPLED: "Metrics among sampled items are not those of the full ranking on a smaller scale, and may order two "
    "systems the other way round (Krichene and Rendle, KDD 2020).",
    RERANKING: "All items of a list were chosen by the user, so that even a random order scores high: a figure means "
    "how far it lies above that of a random order beside it.",
}


@dataclass(frozen=True)
class Protocols:
    """Made once from what is held out, for any number of scorers that have learnt from what is ``seen``."""

    full: FullRanking
    sampled: SampledRanking
    reranking: Reranking

    @classmethod
    def of(cls, seen: MovieLens, held_out: MovieLens, k: int) -> Protocols:
        return cls(FullRanking(seen, held_out, k), SampledRanking(seen, held_out, k), Reranking(held_out, k))

    def measure(self, scorer: Scorer, name: str) -> dict[str, Quality]:
        """By protocol, and by part of the full ranking. Raises `ScoreError`, which calls the scorer ``name``."""
        full = self.full.measure(scorer, name)
        again = self.reranking.measure(scorer, name)
        orders = ("linear", "linear_random", "exponential", "exponential_random")
        return {
            FULL: full.all,
            **{part: getattr(full, field) for part, field in PARTS.items()},
            SAMPLED: self.sampled.measure(scorer, name),
            RERANKING: Quality(again.k, again.users, {f"ndcg_{order}": getattr(again, order) for order in orders}),
        }
