"""Which of all possible mutants are made: some of every kind, as many as asked for, the same for the same seed, and
most of them still after a change of the sources."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from gatewright_sim.mutation.operators import ARROW

__all__ = ["sample"]


def sample(found: Mapping[str, str], count: int, seed: int) -> list[str]:
    """``count`` keys of ``found`` (kinds by key), kind after kind in turn; all of them, where there are fewer.

    A site gives a second mutant only when no other site of that kind is left.
    """
    seen: set[str] = set()
    queues: dict[str, tuple[list[str], list[str]]] = {}

    def place(key: str) -> bytes:
        """The key's own, whatever others there are."""
        return hashlib.sha256(f"{seed} {key}".encode()).digest()

    for key in sorted(found, key=place):
        site = key.rsplit(ARROW, 1)[0]
        first, later = queues.setdefault(found[key], ([], []))
        (later if site in seen else first).append(key)
        seen.add(site)
    waiting = {kind: iter([*first, *later]) for kind, (first, later) in sorted(queues.items())}
    chosen: list[str] = []
    while waiting and len(chosen) < count:
        for kind in list(waiting):
            drawn = next(waiting[kind], None)
            if drawn is None:
                del waiting[kind]
            elif len(chosen) < count:
                chosen.append(drawn)
    return chosen
