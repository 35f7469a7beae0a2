"""AGGREGATE commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import AGGREGATE, DecodedCommand, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.fixed import Requantise
from gatewright.spec.kept_rows import LEAST_USES_BITS, kept_rows, slot_bits
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_sim.commands.draw import draw_int8
from gatewright_sim.commands.layout import (
    Change,
    Layout,
    PlacedCommand,
    beats,
    exchange,
    lines,
    padded_rows,
    row_ranges,
)
from gatewright_sim.golden.aggregate import aggregate, first_fault

__all__ = ["FAULTS", "AggregateCommand"]

_LOWEST, _HIGHEST = -(2**15), 2**15 - 1
"""Of a weight."""

FAULTS = ("opening", "falling", "beyond", "index", "huge index", "both")
"""What may be wrong with a matrix: the first row pointer, one below the last or above nnz, a column, or several."""


@dataclass(frozen=True)
class AggregateCommand:
    """A CSR matrix, which may be faulty, features int8 [cols, features] and a requantiser."""

    row_ptr: npt.NDArray[np.uint32]
    col: npt.NDArray[np.uint32]
    weight: npt.NDArray[np.int16]
    x: npt.NDArray[np.int8]
    requantise: Requantise

    @classmethod
    def of_degrees(
        cls,
        rng: np.random.Generator,
        degrees: Sequence[int] | npt.NDArray[np.int64],
        features: int,
        spare: int = 0,
        cols: int = 0,
    ) -> AggregateCommand:
        """Rows of so many edges, ``spare`` edges that no row claims, and some columns if none are given; sometimes
        extreme throughout."""
        nnz, cols = int(sum(degrees)) + spare, cols or int(rng.choice([1, 2, 30]))
        extreme = bool(rng.random() < 0.3)
        weight = rng.choice([_LOWEST, _HIGHEST], nnz) if extreme else rng.integers(_LOWEST, _HIGHEST + 1, nnz)
        shift = int(rng.choice([rng.integers(64), rng.integers(16, 46)]))
        return cls(
            row_ptr=np.cumsum([0, *degrees]).astype(np.uint32),
            col=rng.integers(0, cols, nnz).astype(np.uint32),
            weight=weight.astype(np.int16),
            x=draw_int8(rng, cols, features, extreme=extreme),
            requantise=Requantise(int(rng.integers(1, 1 << 16)), shift),
        )

    @classmethod
    def of_width(cls, rng: np.random.Generator, features: int, hub: int = 60) -> AggregateCommand:
        """Few edges, many edges, nearly none, or hubs of up to ``hub`` among empty rows."""
        rows = int(rng.choice([1, 2, 3, 12]))
        kinds = (
            rng.integers(0, 4, rows),
            rng.integers(0, 20, rows),
            rng.integers(0, 2, rows),
            np.where(rng.random(rows) < 0.2, rng.integers(0, hub, rows), 0),
        )
        return cls.of_degrees(rng, kinds[rng.integers(len(kinds))], features, int(rng.choice([0, 0, 1, 50])))

    @classmethod
    def random(cls, rng: np.random.Generator, config: AcceleratorConfig) -> AggregateCommand:
        """Any width, and hubs."""
        return cls.of_width(rng, int(rng.integers(1, config.max_features + 1)), hub=150)

    @classmethod
    def boundaries(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """Widths around groups of lanes, the word, the reuse distance of the accumulators, and the maximum."""
        widest = config.max_features
        for features in (1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 24, 25, 32, 33, widest - 1, widest):
            yield cls.of_width(rng, features)

    @classmethod
    def kept(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """Columns one fewer than rows can be kept, as many, and one more, or one alone; and edges one too few for any
        to be kept, and just enough. Those of the columns about the last one that is kept come often."""
        for features in (1, 8, 9, 24, 57, config.max_features // 2 + 1, config.max_features):
            most = config.kept_words >> slot_bits(features)
            for cols, enough in ((most - 1, 1), (most, 1), (most + 1, 1), (most + 3, 0), (1, 1)):
                cols = max(cols, 1)
                nnz = (cols << LEAST_USES_BITS) - 1 + enough
                cuts = np.sort(rng.integers(0, nnz + 1, 6))
                one = cls.of_degrees(rng, np.diff([0, *cuts, nnz]), features, cols=cols)
                about = np.clip(rng.integers(most - 2, most + 2, nnz), 0, cols - 1)
                yield replace(one, col=np.where(rng.random(nnz) < 0.3, about, one.col).astype(np.uint32))

    @classmethod
    def wide(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """A few rows of more than half the widest."""
        half, widest = config.max_features // 2, config.max_features
        for features in (half + 1, half + 8, int(rng.integers(half, widest)), widest - 8, widest - 1, widest):
            yield cls.of_degrees(rng, rng.permutation([0, 1, 2, 4]), features)

    @classmethod
    def mostly_empty(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """More words of empty rows than the write queue holds, before, between and behind a few rows with edges."""
        for features, rows in ((1, 120), (8, 120), (24, 40), (config.max_features, 12)):
            degrees = np.zeros(rows, np.int64)
            degrees[rng.integers(0, rows, 3)] = rng.integers(1, 4, 3)
            yield cls.of_degrees(rng, degrees, features)

    @classmethod
    def each_width(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """Widths about the word and the widest, of no edge, of one and of rows with several."""
        widths = (1, BUS_BYTES - 1, BUS_BYTES, BUS_BYTES + 1, config.max_features - 1, config.max_features)
        for features, degrees in product(widths, ([0], [1], [3, 0, 9, 1])):
            yield cls.of_degrees(rng, degrees, features)

    @classmethod
    def each_pace(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """What fills each queue of the engine: many edges of a few words, of one and of the widest, and empty rows."""
        for features, degrees in ((24, [20] * 6), (3, [60, 60]), (config.max_features, [3] * 8), (16, [0] * 150)):
            yield cls.of_degrees(rng, degrees, features)

    @classmethod
    def extremes(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """One row, only empty rows, a hub of thousands, and the largest sums that both signs can have."""
        for degrees, features in (([0], 5), ([1], 8), ([0] * 9, 20), ([0, 0, 3, 0], 3), ([1, 3000, 0, 1], 8)):
            yield cls.of_degrees(rng, degrees, features)
        for weight in (_LOWEST, _HIGHEST):
            for x in (-128, 127):
                one = cls.of_degrees(rng, [0, 700], 9)
                yield replace(one, weight=np.full_like(one.weight, weight), x=np.full_like(one.x, x))

    @classmethod
    def faulty(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """One for each of FAULTS, and a sound command after it."""
        for fault in FAULTS:
            bad = cls.of_degrees(rng, [3, 0, 37, 50], int(rng.integers(1, 40)))
            edge = int(rng.integers(0, 90))
            match fault:
                case "opening":
                    bad.row_ptr[0] = rng.integers(1, 2**32)
                case "falling":
                    bad.row_ptr[3] = rng.integers(0, 3)
                case "beyond":
                    bad.row_ptr[rng.integers(1, 5)] = rng.integers(91, 2**32)
                case "index":
                    bad.col[edge] = len(bad.x)
                case "huge index":
                    bad.col[edge] = 2**32 - 1
                case "both":
                    bad.col[edge] = 2**31
                    bad.row_ptr[rng.integers(1, 5)] = 2**32 - 1
            yield bad
            yield cls.of_width(rng, 12, hub=40)

    @classmethod
    def limits(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """Each row pointer and columns of each row at the first value that is wrong, one at a time, and in between
        matrices at the last value that is right."""
        degrees, features = (3, 0, 37, 50), 12
        nnz = sum(degrees)

        def sound(spare: int) -> AggregateCommand:
            one = cls.of_degrees(rng, degrees, features, spare)
            one.col[rng.random(len(one.col)) < 0.5] = len(one.x) - 1
            return one

        for place in range(len(degrees) + 1):
            for spare in (0, 1, 5):
                beyond = sound(spare)
                beyond.row_ptr[place] = nnz + spare + 1
                yield beyond
                yield sound(spare)
            if place == 0 or beyond.row_ptr[place - 1]:
                one_off = sound(2)
                one_off.row_ptr[place] = one_off.row_ptr[place - 1] - 1 if place else 1
                yield one_off
        for edge in (0, 2, 3, 39, 40, nnz - 1):
            wild = sound(0)
            wild.col[edge] = len(wild.x)
            yield wild
            unclaimed = sound(1)
            unclaimed.col[nnz] = len(unclaimed.x)  # of an edge that no row claims
            yield unclaimed

    @classmethod
    def huge(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[tuple[AggregateCommand, Change]]:
        """As many rows or edges as a single bit says and a few more, or of which that many beats are left to be read
        behind the first burst of one of the streams."""

        def behind_a_burst(bit: int, name: str, size: str, per_beat: int, extra: int) -> Change:
            def change(placed: DecodedCommand) -> dict[str, int]:
                first = MAX_BURST_BEATS - placed[f"{name}_addr"] // BUS_BYTES % MAX_BURST_BEATS
                return {size: per_beat * ((1 << bit) + first) - extra}

            return change

        for bit in range(7, 30):
            for change in (
                exchange(rows=(1 << bit) + 3),
                behind_a_burst(bit, "row_ptr", "rows", 2, 1),
                behind_a_burst(bit, "col", "nnz", 2, 0),
                behind_a_burst(bit, "weight", "nnz", 4, 0),
            ):
                yield cls.of_degrees(rng, [1] * 70, BUS_BYTES), change

    @classmethod
    def ties(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AggregateCommand]:
        """Sums that the requantiser halves, of small and of saturating results: one edge a row, of half a unit."""
        for shift, multiplier in product((1, 2, 8, 15), (1, 3, 5, 255)):
            one = cls.of_degrees(rng, [1, 1, 0, 1], 2 * BUS_BYTES)
            sign = rng.choice([-1, 1], len(one.weight))
            x = draw_int8(rng, len(one.x), 2 * BUS_BYTES) | 1
            weight = (sign << shift - 1).astype(np.int16)
            yield replace(one, weight=weight, x=x, requantise=Requantise(multiplier, shift))

    def _fault(self) -> tuple[ErrorCode, int]:
        """What the engine must report, and the rows that it writes before."""
        return first_fault(self.row_ptr, self.col, len(self.x), len(self.col))

    def result(self) -> npt.NDArray[Any]:
        """The rows before the first fault."""
        _, sound = self._fault()
        if not sound:
            return np.zeros((0, self.x.shape[1]), np.int8)
        edges = slice(int(self.row_ptr[sound]))
        return aggregate(self.row_ptr[: sound + 1], self.col[edges], self.weight[edges], self.x, self.requantise)

    def place(self, layout: Layout) -> PlacedCommand:
        rows, nnz, (cols, features) = len(self.row_ptr) - 1, len(self.col), self.x.shape
        streams: dict[str, npt.NDArray[Any]] = {"row_ptr": self.row_ptr, "col": self.col, "weight": self.weight}
        matrices = {"x": padded_rows(layout.rng, self.x)}
        matrices["y"] = padded_rows(layout.rng, np.zeros((rows, features), np.int8))
        ranges = {name: layout.put(array) for name, array in (streams | matrices).items()}
        strides = {name: layout.stride(array.shape[1]) for name, array in matrices.items()}
        layout.expect(ranges["y"][0], matrices["y"], self.result())
        command = encode(
            AGGREGATE,
            **{f"{name}_addr": start for name, (start, _) in ranges.items()},
            **{f"{name}_stride": stride for name, stride in strides.items()},
            rows=rows,
            cols=cols,
            nnz=nnz,
            features=features,
            multiplier=self.requantise.multiplier,
            shift=self.requantise.shift,
        )
        kept = kept_rows(layout.config, cols, nnz, features) if layout.config else 0
        read = [*range(kept), *(col for col in self.col[: self.row_ptr[-1]].tolist() if col >= kept)]
        once = sum(beats(array.nbytes) for array in streams.values()) + len(read) * beats(features)
        x_start, x_stride = ranges["x"][0], strides["x"]
        reads = [ranges[name] for name in streams] + row_ranges(x_start, cols, x_stride, features)
        writes = row_ranges(ranges["y"][0], rows, strides["y"], features)
        bursts = sum(lines(ranges[name][0], array.nbytes) for name, array in streams.items())
        bursts += sum(lines(x_start + row * x_stride, features) for row in read)
        return PlacedCommand(command, self._fault()[0], reads, writes, once, bursts)
