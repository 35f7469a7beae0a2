"""What a configuration means for the gemm engine: derived sizes, and the records that its parts exchange."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from amaranth.hdl import Value, signed
from amaranth.lib import data
from amaranth.utils import bits_for, exact_log2

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.softmax import EXP_ONE
from gatewright.spec.tiling import BLOCK_TILES
from gatewright_hw.bus.ports import ADDRESS_BITS

__all__ = ["SETUP_CYCLES", "WORD_BYTES", "WORD_LSB", "Event", "Geometry", "Kind", "Target", "Width", "words"]

WORD_BYTES = BUS_BYTES
"""Bytes in a word of an operand bank: one beat, eight consecutive k."""

WORD_LSB = exact_log2(WORD_BYTES)

SETUP_CYCLES = 3
"""Cycles from a new command to the start of its control: what is derived from its fields is registered on the way."""


def words(count: Value) -> Value:
    """Words, or beats, that ``count`` bytes take."""
    return (count + WORD_BYTES - 1) >> WORD_LSB


class Kind(IntEnum):
    """What becomes of a tile's accumulators."""

    GEMM = 0
    """Bias and requantiser of each column, then to memory."""
    SCORE = 1
    """To the softmax, in log2 units."""
    VALUE = 2
    """Scaled by each row's 1 / sum, then to memory; A is unsigned."""


class Width(IntEnum):
    """Of a result in memory: the exponent of its number of bytes."""

    INT8 = 0
    INT16 = 1
    INT32 = 2


class Target(IntEnum):
    """Where a load goes."""

    A = 0
    B = 1
    PARAMS = 2
    MASK = 3


class Event(IntEnum):
    """What the end of a load means."""

    NONE = 0
    A = 1
    B = 2
    V = 3


@dataclass(frozen=True)
class Geometry:
    """Sizes derived from ``config``."""

    config: AcceleratorConfig

    @property
    def rows(self) -> int:
        return self.config.array_rows

    @property
    def cols(self) -> int:
        return self.config.array_cols

    @property
    def depth(self) -> int:
        """k in a step of the array."""
        return self.config.array_depth

    @property
    def lanes(self) -> int:
        return self.config.lanes

    @property
    def parts(self) -> int:
        """Groups of ``lanes`` columns in a row of a tile."""
        return self.cols // self.lanes

    @property
    def drain_cycles(self) -> int:
        """Cycles in which a tile leaves the array."""
        return self.config.drain_cycles

    @property
    def acc_bits(self) -> int:
        """Signed width that no sum of products exceeds."""
        largest = max(self.config.gemm_max_k << 14, self.config.max_seq * EXP_ONE << 7)
        return int(bits_for(largest, require_sign_bit=True))

    @property
    def a_half(self) -> int:
        """Words in half a bank of A."""
        return self.config.a_depth // 2

    @property
    def b_half(self) -> int:
        """Words in half a bank of B."""
        return self.config.b_depth // 2

    @property
    def v_offset(self) -> int:
        """First word of V within a half of B's banks; K lies below."""
        return -(-self.config.max_seq // self.cols) * (self.config.max_head_dim // WORD_BYTES)

    @property
    def p_offset(self) -> int:
        """First word of the softmax's weights within a half of A's banks; Q lies below."""
        return self.a_half - self.config.max_seq // WORD_BYTES

    @property
    def groups(self) -> int:
        """Groups of ``lanes`` keys in a row of scores, at most."""
        return self.config.max_seq // self.lanes

    @property
    def length(self) -> range:
        """Values of an inner dimension: steps of a tile, or rows of a transposed load."""
        return range(max(self.config.gemm_max_k, self.config.max_seq) + 1)

    @property
    def tile(self) -> data.StructLayout:
        """One tile to compute: operands (first word of A's and B's banks, steps), what to release at its end, and
        what to do with it.

        ``rows``, ``cols`` are those that exist. GEMM: ``slot`` of the column parameters, the first ``column``, modulo
        ``max_columns``. GEMM, VALUE: ``addr`` of the output. SCORE, VALUE: ``buffer`` of the softmax. SCORE: ``group``
        of its first key, ``first`` and ``last`` tile of its rows, and ``reach``, how many keys of the tile its first
        row may attend to by the causal mask (each further row one more).
        """
        return data.StructLayout(
            {
                "kind": Kind,
                "a_word": range(self.config.a_depth),
                "b_word": range(self.config.b_depth),
                "steps": self.length,
                "release_a": 1,
                "release_b": 1,
                "rows": range(self.rows + 1),
                "cols": range(self.cols + 1),
                "addr": ADDRESS_BITS,
                "slot": range(2 * BLOCK_TILES),
                "column": range(self.config.max_columns),
                "buffer": 1,
                "group": range(self.groups),
                "first": 1,
                "last": 1,
                "reach": signed(bits_for(max(self.rows, self.cols), require_sign_bit=True)),
            }
        )

    @property
    def job(self) -> data.StructLayout:
        """One load: ``rows`` rows of ``beats`` beats, the first at ``addr`` (or, unless ``restart``, where the
        target's last job ended).

        Plain rows go to successive banks; after the last bank the next row goes to the first, ``pitch`` words
        further. A ``transposed`` row is one k for successive columns: byte i of a beat goes to bank i. Parameters and
        mask: one row, ``word`` is the first entry. At the end of the load ``event`` happens for ``tiles`` tiles.
        """
        deepest = max(self.config.a_depth, self.config.b_depth)
        return data.StructLayout(
            {
                "target": Target,
                "transposed": 1,
                "restart": 1,
                "addr": ADDRESS_BITS,
                "stride": ADDRESS_BITS,
                "rows": self.length,
                "beats": range(max(deepest // 2, BLOCK_TILES * self.cols, 32) + 1),
                "word": range(deepest),
                "pitch": range(deepest // 2 + 1),
                "event": Event,
                "tiles": range(BLOCK_TILES + 1),
            }
        )
