"""A bench's table of cases: each a coroutine on a freshly reset design, under one name and one or more seeds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Case", "Table"]

Run = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """One cocotb test, ``run``, which takes what the table's ``start`` gives and runs once for each seed."""

    name: str
    run: Run
    seeds: tuple[int, ...] = (1,)


class Table:
    """The cases of one bench.

    Parameters
    ----------
    start : makes the driver that every case gets from cocotb's handle of the design, which it resets.
    cases : those that are only data; :meth:`case` adds what is a function.
    """

    def __init__(self, start: Callable[[Any], Awaitable[Any]], *cases: Case) -> None:
        self.start = start
        self._cases: dict[str, Case] = {}
        for case in cases:
            self._add(case)

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case."""
        return tuple(self._cases.values())

    def _add(self, case: Case) -> None:
        if case.name in self._cases:
            raise ValueError(f"the bench has a case {case.name!r} already, allowed: each name once")
        self._cases[case.name] = case

    def case(self, *seeds: int) -> Callable[[Run], Run]:
        """Decorates a coroutine function: it is a case under its own name, with these seeds (default: 1)."""

        def add(run: Run) -> Run:
            self._add(Case(run.__name__, run, seeds or (1,)))
            return run

        return add
