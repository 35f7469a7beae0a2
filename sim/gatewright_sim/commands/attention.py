"""ATTENTION commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import ATTENTION, AttentionFlags, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.fixed import Requantise
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.softmax import EXP_ONE, RECIPROCAL_BITS, RECIPROCAL_INDEX_BITS, RECIPROCAL_TABLE, row_scale
from gatewright_sim.commands.draw import draw_int8, draw_requantise
from gatewright_sim.commands.layout import Change, Layout, PlacedCommand, beats, exchange, padded_rows, row_ranges
from gatewright_sim.golden.attention import attention

__all__ = ["ATTENTION_FLAGS", "AttentionCommand"]

ATTENTION_FLAGS = tuple(AttentionFlags(flags) for flags in range(1 << len(AttentionFlags)))
"""Every combination."""

Int8 = npt.NDArray[np.int8]


@dataclass(frozen=True)
class AttentionCommand:
    """int8 Q [seq_q, heads * d], K and V [seq_kv, heads * d], the mask (bool [seq_kv]), requantisers and flags."""

    q: Int8
    k: Int8
    v: Int8
    heads: int
    mask: npt.NDArray[np.bool_]
    score: Requantise
    out: Requantise
    flags: AttentionFlags

    @classmethod
    def of_shape(
        cls,
        rng: np.random.Generator,
        seq_q: int,
        seq_kv: int,
        heads: int,
        d: int,
        flags: AttentionFlags | None = None,
    ) -> AttentionCommand:
        """Softmaxes from flat to a single key, masks from empty to full; operands and requantisers at times extreme."""
        extreme = bool(rng.random() < 0.3)
        score = Requantise.from_scale(float(rng.choice([0.002, 0.02, 0.1, 0.5])))
        out = Requantise.from_scale(float(rng.choice([0.5, 1.0, 3.0])))
        if extreme and rng.random() < 0.5:
            score, out = draw_requantise(rng), draw_requantise(rng)
        q, k, v = (draw_int8(rng, rows, heads * d, extreme=extreme) for rows in (seq_q, seq_kv, seq_kv))
        mask = rng.random(seq_kv) < rng.choice([0, 0.1, 0.7, 1])
        chosen = ATTENTION_FLAGS[rng.integers(len(ATTENTION_FLAGS))] if flags is None else flags
        return cls(q, k, v, heads, mask, score, out, chosen)

    @classmethod
    def random(
        cls, rng: np.random.Generator, config: AcceleratorConfig, flags: AttentionFlags | None = None
    ) -> AttentionCommand:
        """Small ones, one query with many heads, or the longest sequence."""
        d = 8 * int(rng.integers(1, config.max_head_dim // 8 + 1))
        shapes = (
            (rng.integers(1, 3 * config.array_rows), rng.integers(1, 3 * config.array_cols), rng.integers(1, 4)),
            (1, rng.integers(1, config.max_seq + 1), rng.integers(1, 6)),
            (rng.integers(1, 20), config.max_seq - rng.integers(0, 3), 1),
        )
        seq_q, seq_kv, heads = map(int, shapes[rng.integers(len(shapes))])
        return cls.of_shape(rng, seq_q, seq_kv, heads, d, flags)

    @classmethod
    def boundaries(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AttentionCommand]:
        """Sequences around a tile of the array and a word of memory, more queries than keys, and heads of every width,
        each with every combination of flags."""
        rows, cols = config.array_rows, config.array_cols
        queries, widths = (1, rows - 1, rows, rows + 1, 3 * rows - 1), range(8, config.max_head_dim + 1, 8)
        keys = (1, cols - 1, cols, cols + 1, 2 * cols + 3, config.max_seq)
        for (turn, flags), (number, seq_kv) in product(enumerate(ATTENTION_FLAGS), enumerate(keys)):
            seq_q, d = queries[(turn + number) % len(queries)], widths[(turn // 2 + number) % len(widths)]
            yield cls.of_shape(rng, seq_q, seq_kv, 2, d, flags)

    @classmethod
    def each_flag(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AttentionCommand]:
        """Every combination of flags, of several tiles each way."""
        for flags in ATTENTION_FLAGS:
            yield cls.of_shape(rng, config.array_rows + 1, config.array_cols + 1, 1, config.max_head_dim, flags)

    @classmethod
    def extremes(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AttentionCommand]:
        """Saturated scores, weights that are all one or one of many, the largest sums, rows without a key."""
        scores = (Requantise(0, 0), Requantise(65535, 0), Requantise(1, 63))
        for score, value in product(scores, (-128, 127)):
            flags = AttentionFlags.OUT_INT16 if value > 0 else AttentionFlags(0)
            one = cls.of_shape(rng, 3, config.max_seq, 1, 16, flags)
            yield replace(one, score=score, out=Requantise.from_scale(1.0), v=np.full_like(one.v, value))
        nothing = cls.of_shape(rng, 5, 20, 2, 8, AttentionFlags.KEY_MASK)
        yield replace(nothing, mask=np.zeros(20, bool))
        yield cls.of_shape(rng, 30, 9, 1, 8, AttentionFlags.CAUSAL)

    @classmethod
    def reaches(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AttentionCommand]:
        """Sequences of every length up to two tiles of the array each, causal, where each key that is allowed has the
        same weight: one more or less shows. Then some that are much longer than the other."""
        rows, cols, longest = config.array_rows, config.array_cols, config.max_seq
        several = {1, 2, 3, 5, cols - 1, cols, cols + 1, cols + 2, 2 * cols - 1, 2 * cols, 2 * cols + 1}
        shapes = [*product(range(1, 2 * rows + 2), sorted(several))]
        shapes += [(q, longest - less) for q in (1, rows, rows + 1) for less in (0, 1, cols)]
        shapes += [(5 * rows + more, kv) for more in (0, 1) for kv in (1, rows, cols + 1)]
        for number, (seq_q, seq_kv) in enumerate(shapes):
            masked = AttentionFlags.KEY_MASK if number % 3 == 2 else AttentionFlags(0)
            one = cls.of_shape(rng, seq_q, seq_kv, 1, 8, AttentionFlags.CAUSAL | AttentionFlags.OUT_INT16 | masked)
            mask = rng.random(seq_kv) < 0.7
            yield replace(one, score=Requantise(0, 0), out=Requantise.from_scale(100.0), mask=mask)

    @classmethod
    def rings(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AttentionCommand]:
        """More tiles of queries and more heads than the buffers hold, of heads of every width."""
        rows, widest = config.array_rows, config.max_head_dim
        for d, seq_kv in ((8, config.array_cols + 1), (widest - 8, 5), (widest, config.max_seq)):
            for heads, tiles in ((5, 1), (3, 5)):
                yield cls.of_shape(rng, tiles * rows + 1, seq_kv, heads, d)

    @classmethod
    def many_heads(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AttentionCommand]:
        """More small heads than the buffers hold, of so few keys that their loads are far ahead of the softmax, and of
        so many that they are behind it."""
        for seq_q, seq_kv in product((1, config.array_rows + 1), (1, 2, 4 * config.array_cols)):
            yield cls.of_shape(rng, seq_q, seq_kv, 6, 8)

    @classmethod
    def huge(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[tuple[AttentionCommand, Change]]:
        """As many queries or heads as a single bit says, and a tile of queries or a head more."""
        for bit in range(6, 24):
            one = cls.of_shape(rng, 3 * config.array_rows, 5, 1, 8, AttentionFlags.OUT_INT16)
            yield one, exchange(seq_q=(1 << bit) + config.array_rows)
        for bit in range(3, 16):
            one = cls.of_shape(rng, 1, config.array_cols + 1, 4, 8, AttentionFlags(0))
            yield one, exchange(heads=(1 << bit) + 1)

    @classmethod
    def ties(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AttentionCommand]:
        """Scores and results that their requantisers halve: products of Q and K are small integers; a single key has
        all the weight, and the requantiser of its row is a power of two."""
        seq, cols = config.array_rows + 1, 2 * config.array_cols + 1
        for shift in (1, 2, 3):
            one = cls.of_shape(rng, seq, cols, 1, 8, AttentionFlags.OUT_INT16)
            q, k = (np.zeros_like(array) for array in (one.q, one.k))
            q[:, 0], k[:, 0] = rng.integers(-9, 10, seq), rng.integers(-9, 10, cols)
            v = rng.choice(np.array([-128, 127], np.int8), one.v.shape)
            yield replace(one, q=q, k=k, v=v, score=Requantise(1, shift), out=Requantise.from_scale(128.0))
        weight = np.array([EXP_ONE])
        whole = next(
            m for m in range(1 << 14, 1 << 16) if int(row_scale(weight, Requantise(m, 0))[0][0]).bit_count() == 1
        )
        for shift, wide in product(range(8, 15), (AttentionFlags(0), AttentionFlags.OUT_INT16)):
            one = cls.of_shape(rng, seq, 1, 1, 16, wide)
            yield replace(one, score=Requantise(1, 8), out=Requantise(whole, shift))

    @classmethod
    def scale_ties(cls, rng: np.random.Generator, config: AcceleratorConfig) -> Iterator[AttentionCommand]:
        """Rows whose scale is rounded from a half and from just beside it: every key weighs the same, and the output's
        multiplier makes the lowest bits of its product with the reciprocal what they are to be. Results fill int16, so
        that a unit of the scale shows."""
        half, modulus = 1 << RECIPROCAL_BITS - 1, 1 << RECIPROCAL_BITS
        for keys, low in product(range(1, config.max_seq + 1), (half - 1, half, half + 1)):
            total = keys * EXP_ONE
            length = total.bit_length() - 1
            reciprocal = int(RECIPROCAL_TABLE[(total << RECIPROCAL_INDEX_BITS >> length) % len(RECIPROCAL_TABLE)])
            multiplier = low * pow(reciprocal, -1, modulus) % modulus if reciprocal % 2 else 0
            scale = reciprocal * multiplier >> RECIPROCAL_BITS
            shift = (127 * total * scale).bit_length() - 15 - length
            if 0 < scale <= half // 2 + (low == half) * half and shift >= 0:
                one = cls.of_shape(rng, 1, keys, 1, 8, AttentionFlags.OUT_INT16)
                v = np.full_like(one.v, 127)
                yield replace(one, v=v, score=Requantise(0, 0), out=Requantise(multiplier, shift))

    @property
    def _masked(self) -> bool:
        return bool(self.flags & AttentionFlags.KEY_MASK)

    def result(self) -> npt.NDArray[Any]:
        return attention(
            self.q,
            self.k,
            self.v,
            self.heads,
            self.score,
            self.out,
            bool(self.flags & AttentionFlags.CAUSAL),
            self.mask if self._masked else None,
            16 if self.flags & AttentionFlags.OUT_INT16 else 8,
        )

    def place(self, layout: Layout) -> PlacedCommand:
        result = self.result()
        (seq_q, width), seq_kv = self.q.shape, len(self.k)
        operands = {"q": self.q, "k": self.k, "v": self.v, "o": np.zeros_like(result)}
        rows = {name: padded_rows(layout.rng, array) for name, array in operands.items()}
        noise = layout.rng.random(-seq_kv % (8 * BUS_BYTES)) < 0.5  # beyond the last key
        mask = np.packbits(np.append(self.mask, noise), bitorder="little")
        ranges = {name: layout.put(array) for name, array in (rows | {"mask": mask}).items()}
        strides = {name: layout.stride(array.shape[1]) for name, array in rows.items()}
        layout.expect(ranges["o"][0], rows["o"], result)
        command = encode(
            ATTENTION,
            self.flags,
            **{f"{name}_addr": start for name, (start, _) in ranges.items()},
            **{f"{name}_stride": stride for name, stride in strides.items()},
            seq_q=seq_q,
            seq_kv=seq_kv,
            heads=self.heads,
            head_dim=width // self.heads,
            score_multiplier=self.score.multiplier,
            score_shift=self.score.shift,
            out_multiplier=self.out.multiplier,
            out_shift=self.out.shift,
        )
        places = {
            name: row_ranges(ranges[name][0], len(array), strides[name], array.shape[1] * array.itemsize)
            for name, array in operands.items()
        }
        reads = places["q"] + places["k"] + places["v"] + [ranges["mask"]] * self._masked
        once = (seq_q + 2 * seq_kv) * beats(width) + self._masked * beats(len(mask))
        return PlacedCommand(command, ErrorCode.NONE, reads, places["o"], once)
