"""Whole requests of the hybrid recommender: one program and one doorbell each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.driver.report import Report
from gatewright.models.data import MovieLens, load_movielens
from gatewright.models.deploy import deploy_or_load
from gatewright.models.train import train_or_load
from gatewright.recommender.request import HybridRecommender
from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.speed.workload import Counted, Workload

__all__ = ["requests"]

USER = 15
"""Of MovieLens, one who has rated many movies: 1,700."""

SHORT = "space adventure"
MIDDLING = (
    "a young woman travels through space with friends and a robot to save her home planet from an evil empire and "
    "finds love on her way back home again"
)
LONG = (
    f"{MIDDLING} while a detective in a city of the future looks for the murderer of his old partner in the rain and "
    "nobody believes what he says about the war"
)
QUERIES = {"no query": None, "4 tokens": SHORT, "31 tokens": MIDDLING, "60 tokens": LONG}


def requests(config: AcceleratorConfig) -> Iterator[Workload]:
    """Of a user with many ratings, by the length of what is typed, and of one with as many as most."""
    data = load_movielens()
    trained = train_or_load(data)
    deployed = deploy_or_load(trained, config)
    count = np.diff(data.user_ptr)

    def request(user: int, query: str | None, typed: str) -> Workload:
        def run(accelerator: Accelerator) -> Counted:
            with HybridRecommender(accelerator, deployed.model, deployed.programs) as recommender:
                recommender.scores(user, query)
            return _counted(accelerator.report())

        what = f"user {data.user_ids[user]} ({count[user]:,} ratings), {typed}"
        return Workload("request", what, f"{trained.key} {user} {query}", run)

    prolific = int(np.flatnonzero(data.user_ids == USER)[0])
    yield from (request(prolific, query, typed) for typed, query in QUERIES.items())
    median = _median(data)
    yield from (request(median, QUERIES[typed], typed) for typed in ("no query", "4 tokens"))


def _median(data: MovieLens) -> int:
    """Index of the first user whose number of ratings is the median's."""
    count = np.diff(data.user_ptr)
    return int(np.argmin(np.abs(count - np.median(count))))


def _counted(report: Report) -> Counted:
    """Against the engine that has most to do, and against all bytes, were everything else hidden behind them.

    Products and attentions are the work of one array.
    """
    compute = {each.name: each.min_cycles_compute for each in report.engines}
    array = compute.pop("gemm") + compute.pop("attention")
    memory = sum(each.min_cycles_memory for each in report.engines)
    return Counted(report.cycles, max(array, *compute.values()), memory)
