"""AGGREGATE commands with a row of more edges than any memory here holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import decode
from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.commands.aggregate import AggregateCommand
from gatewright_sim.commands.layout import ADDRESS_SPACE, Layout, PlacedCommand, changed, exchange

__all__ = ["LongRow"]

_DEGREES = (2, 4, 1)
_LONG = 1


@dataclass(frozen=True)
class LongRow:
    """``near``, of _DEGREES and with a column in its row _LONG that does not exist, where that row has ``degree`` edges
    instead: it comes to the same fault, with the same rows written before."""

    near: AggregateCommand
    degree: int

    @classmethod
    def each_bit(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[LongRow]:
        """A degree of a single bit, and so few edges more that nearly all of them come before the fault."""
        for bit, more in product(range(3, 31), (1, 2)):
            near = AggregateCommand.of_degrees(rng, _DEGREES, int(rng.integers(1, config.max_features + 1)))
            near.col[sum(_DEGREES[: _LONG + 1]) - 1] = len(near.x)
            yield cls(near, (1 << bit) + more)

    def result(self) -> npt.NDArray[Any]:
        return self.near.result()

    def place(self, layout: Layout) -> PlacedCommand:
        placed = self.near.place(layout)
        row_ptr = self.near.row_ptr.copy()
        row_ptr[_LONG + 1 :] += np.uint32(self.degree - _DEGREES[_LONG])
        at = decode(placed.command)["row_ptr_addr"] % layout.size
        for memory in (layout.before, layout.after):
            memory[at : at + row_ptr.nbytes] = row_ptr.view(np.uint8)
        # The streams of edges are read ahead of the fault.
        command = changed(placed.command, exchange(nnz=int(row_ptr[-1])))
        return replace(placed, command=command, reads=[(0, ADDRESS_SPACE)])
