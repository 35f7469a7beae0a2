"""AGGREGATE commands of columns that no memory here holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import decode
from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.commands.aggregate import AggregateCommand
from gatewright_sim.commands.layout import ADDRESS_SPACE, Layout, PlacedCommand, changed, exchange, row_ranges

__all__ = ["FarColumns"]


@dataclass(frozen=True)
class FarColumns:
    """``near``, whose X has a single row, with ``cols`` columns instead: that row is seen at each of them, since the
    stride is a multiple of the memory. Columns 0 become any of them, the others one that is just too large."""

    near: AggregateCommand
    cols: int

    @classmethod
    def each_bit(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[FarColumns]:
        """The largest column is a single bit; then it is one too large, so that the bit alone says so."""
        for bit in range(1, 32):
            drawn = AggregateCommand.of_degrees(rng, [2, 0, 3], int(rng.integers(1, config.max_features + 1)))
            near = replace(drawn, x=drawn.x[:1], col=np.zeros_like(drawn.col))
            yield cls(near, (1 << bit) + 1)
            wild = near.col.copy()
            wild[rng.integers(len(wild))] = 1
            yield cls(replace(near, col=wild), 1 << bit)

    def result(self) -> npt.NDArray[Any]:
        return self.near.result()

    def place(self, layout: Layout) -> PlacedCommand:
        placed = self.near.place(layout)
        fields = decode(placed.command)
        stride = layout.size * int(layout.rng.integers(ADDRESS_SPACE // layout.size))
        col = layout.rng.integers(0, self.cols, len(self.near.col), np.uint32)
        col[layout.rng.integers(len(col))] = self.cols - 1
        col[self.near.col > 0] = self.cols
        at = fields["col_addr"] % layout.size
        for memory in (layout.before, layout.after):
            memory[at : at + col.nbytes] = col.view(np.uint8)
        starts = [(fields["x_addr"] + int(each) * stride) % ADDRESS_SPACE for each in col]
        x_rows = [place for start in starts for place in row_ranges(start, 1, 0, fields["features"])]
        command = changed(placed.command, exchange(cols=self.cols, x_stride=stride))
        return replace(placed, command=command, reads=placed.reads[:-1] + x_rows)
