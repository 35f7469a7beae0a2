"""Rows by several processes at a time: afterwards they are in the cache, where whoever reports finds them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from gatewright.comparison.entry import Entry
from gatewright.comparison.plan import Plan
from gatewright.comparison.row import Splits, measured
from gatewright.models.data import MovieLens
from gatewright.models.data.splits import SplitRule
from gatewright.progress import Progress

__all__ = ["measure_ahead", "row_tasks", "run_all"]

STAGE = "systems on splits"


def measure_ahead(data: MovieLens, plan: Plan, jobs: int, progress: Progress | None = None) -> None:
    """Make all rows of ``plan``, those of one system on one split by one of ``jobs`` processes, as `run_all` does."""
    run_all(row_tasks(data, plan), jobs, STAGE, progress)


def row_tasks(data: MovieLens, plan: Plan) -> list[Callable[[], object]]:
    """What makes all rows of ``plan``, those of one system on one split by each."""
    return [partial(_rows, data, plan, entry, rule) for rule in plan.rules for entry in plan.entries]


def run_all(tasks: Sequence[Callable[[], object]], jobs: int, stage: str, progress: Progress | None = None) -> None:
    """Call all ``tasks``, for what they leave in the cache, each by one of ``jobs`` processes; the first begin first.

    Raises what the first that fails raises, and ends the others then, as also on Ctrl-C.
    """
    others = set(active_children())
    with ProcessPoolExecutor(
        min(jobs, len(tasks)), mp_context=get_context("spawn"), initializer=_end_with_parent
    ) as pool:
        waiting = [pool.submit(task) for task in tasks]
        try:
            if progress:
                progress(stage, 0, len(tasks))
            for done, each in enumerate(as_completed(waiting)):
                each.result()
                if progress:
                    progress(stage, done + 1, len(tasks))
        except BaseException:
            for child in set(active_children()) - others:
                child.terminate()  # a pool that lost one fails all that waits, and joins them all as it is left
            raise


def _end_with_parent() -> None:
    """A process that waits for work from one that was killed would wait for ever."""
    parent = parent_process()
    if parent is not None:
        Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def _rows(data: MovieLens, plan: Plan, entry: Entry, rule: SplitRule) -> None:
    splits = Splits(data, plan.k)
    for seed in plan.seeds_of(entry):
        measured(entry, splits, rule, seed)
