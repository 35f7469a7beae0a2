"""Softmax scale: the requantiser of a softmax row, out / sum.

    n = bit length of sum, multiplier = (RECIPROCAL_TABLE[10 bits below the leading one] * out.multiplier + 2**15) >> 16
    shift = min(out.shift + n - 1, 63); a sum of zero gives multiplier 0

The rule is :func:`gatewright.spec.softmax.row_scale`. One row per cycle; the scale can be read ``delay`` cycles after
its sum.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2

from gatewright.spec.fixed import SHIFT_MAX
from gatewright.spec.softmax import EXP_ONE, RECIPROCAL_BITS, RECIPROCAL_INDEX_BITS, RECIPROCAL_TABLE
from gatewright_hw.engines.gemm.drain import REQUANTISER
from gatewright_hw.engines.gemm.geometry import Geometry
from gatewright_hw.parts.delay import delayed

__all__ = ["SoftmaxScale"]


_CONSTANTS_DELAY = 4
"""Cycles from a normalised sum to its scale: table, its register, product, rounding."""


class SoftmaxScale(wiring.Component):
    """Sums in, one a cycle; the scales of two buffers of rows, of which one is shown.

    Members
    -------
    valid : 1, in; ``sum`` is that of a row.
    sum : as wide as the sum of max_seq weights, in.
    buffer, row : 1 and range(rows), in; where its scale goes.
    out : REQUANTISER, in; of the output, stable.
    read_buffer, read_row : 1 and range(rows), in; which scale ``scale`` shows, in the same cycle.
    scale : REQUANTISER, out.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        self._sum_bits = bits_for(g.config.max_seq * EXP_ONE)
        self._steps = [1 << i for i in reversed(range(ceil_log2(self._sum_bits)))]
        super().__init__(
            {
                "valid": In(1),
                "sum": In(self._sum_bits),
                "buffer": In(1),
                "row": In(range(g.rows)),
                "out": In(REQUANTISER),
                "read_buffer": In(1),
                "read_row": In(range(g.rows)),
                "scale": Out(REQUANTISER),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from a sum to its scale: normalisation, constants, write."""
        return len(self._steps) + _CONSTANTS_DELAY + 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        width = self._sum_bits

        # Shift the leading one to the top, by powers of two.
        mantissa, length = self.sum, Signal(range(width + 1), init=width)
        for step in self._steps:
            now = Signal(width, name=f"mantissa_{step}", reset_less=True)
            now_length = Signal.like(length, name=f"length_{step}")
            low = mantissa[-step:] == 0
            m.d.sync += [
                now.eq(Mux(low, mantissa << step, mantissa)),
                now_length.eq(Mux(low, length - step, length)),
            ]
            mantissa, length = now, now_length

        m.submodules.table = table = memory.Memory(
            shape=RECIPROCAL_BITS, depth=len(RECIPROCAL_TABLE), init=RECIPROCAL_TABLE.tolist()
        )
        fetch = table.read_port()
        m.d.comb += fetch.addr.eq(mantissa[-1 - RECIPROCAL_INDEX_BITS : -1])
        exists = delayed(m, mantissa[-1], _CONSTANTS_DELAY)[-1]
        length = delayed(m, length, _CONSTANTS_DELAY - 1)[-1]
        reciprocal = Signal(RECIPROCAL_BITS, reset_less=True)
        product = Signal(2 * RECIPROCAL_BITS, reset_less=True)
        shift = self.out.shift + length - 1
        scale = Signal(REQUANTISER, reset_less=True)
        m.d.sync += [
            reciprocal.eq(fetch.data),
            product.eq(reciprocal * self.out.multiplier),
            scale.multiplier.eq((product + (1 << (RECIPROCAL_BITS - 1))) >> RECIPROCAL_BITS),
            scale.shift.eq(Mux(shift > SHIFT_MAX, SHIFT_MAX, shift)),
        ]

        place = Cat(self.row, self.buffer)
        m.submodules.scales = scales = memory.Memory(shape=REQUANTISER.size, depth=2 * g.rows, init=[])
        store = scales.write_port()
        read = scales.read_port(domain="comb")
        m.d.comb += [
            store.addr.eq(delayed(m, place, self.delay - 1)[-1]),
            store.en.eq(delayed(m, self.valid, self.delay - 1, reset=True)[-1]),
            store.data.eq(Mux(exists, scale.as_value(), 0)),
            read.addr.eq(Cat(self.read_row, self.read_buffer)),
            self.scale.eq(read.data),
        ]
        return m
