"""Rows by several processes at a time: afterwards they are in the cache, where whoever reports finds them."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from gatewright.comparison.entry import Entry
from gatewright.comparison.plan import Plan
from gatewright.comparison.row import Splits, measured
from gatewright.models.data import MovieLens
from gatewright.models.data.splits import SplitRule
from gatewright.progress import Progress

__all__ = ["measure_ahead"]

STAGE = "systems on splits"
ENDED_S = 10.0
"""Longest wait for a process that was told to end."""


def measure_ahead(data: MovieLens, plan: Plan, jobs: int, progress: Progress | None = None) -> None:
    """Make all rows of ``plan``, those of one system on one split by one of ``jobs`` processes.

    Raises what the first that fails raises, and ends the others then, as also on Ctrl-C.
    """
    wanted = [(rule, entry) for rule in plan.rules for entry in plan.entries]
    others = set(active_children())
    with ProcessPoolExecutor(
        min(jobs, len(wanted)), mp_context=get_context("spawn"), initializer=_end_with_parent
    ) as pool:
        waiting = [pool.submit(_rows, data, plan, entry, rule) for rule, entry in wanted]
        try:
            for done, each in enumerate(as_completed(waiting)):
                each.result()
                if progress:
                    progress(STAGE, done + 1, len(wanted))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(active_children()) - others:
                child.terminate()
                child.join(ENDED_S)
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
