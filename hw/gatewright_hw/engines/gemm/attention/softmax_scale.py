"""Row scale: the requantiser of a softmax row, out / sum.

    n = bit length of sum, multiplier = (RECIPROCAL_TABLE[10 bits below the leading one] * out.multiplier + 2**15) >> 16
    shift = min(out.shift + n - 1, 63); a sum of zero gives multiplier 0

The rule is :func:`gatewright.spec.softmax.row_scale`. One row per cycle; the scale can be read ``delay`` cycles after
its sum.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import SHIFT_MAX
from gatewright.spec.softmax import EXP_ONE, RECIPROCAL_BITS, RECIPROCAL_INDEX_BITS, RECIPROCAL_TABLE
from gatewright_hw.engines.gemm.drain import SCALE
from gatewright_hw.engines.gemm.geometry import Geometry
from gatewright_hw.engines.parts.delay import delayed

__all__ = ["RowScale"]


class RowScale(wiring.Component):
    """Members.

    valid, sum, buffer, row : a row's sum of weights, and where its scale goes.
    out : the output requantiser, stable.
    read_buffer, read_row : which scale ``scale`` shows, in the same cycle.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        self._sum_bits = (g.config.max_seq * EXP_ONE).bit_length()
        self._steps = [1 << i for i in reversed(range((self._sum_bits - 1).bit_length()))]
        super().__init__(
            {
                "valid": In(1),
                "sum": In(self._sum_bits),
                "buffer": In(1),
                "row": In(range(g.rows)),
                "out": In(SCALE),
                "read_buffer": In(1),
                "read_row": In(range(g.rows)),
                "scale": Out(SCALE),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles: normalisation, table and its register, product, rounding, write."""
        return len(self._steps) + 5

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
        exists = delayed(m, mantissa[-1], 4)[-1]
        length = delayed(m, length, 3)[-1]
        reciprocal = Signal(RECIPROCAL_BITS, reset_less=True)
        product = Signal(2 * RECIPROCAL_BITS, reset_less=True)
        shift = self.out.shift + length - 1
        scale = Signal(SCALE, reset_less=True)
        m.d.sync += [
            reciprocal.eq(fetch.data),
            product.eq(reciprocal * self.out.multiplier),
            scale.multiplier.eq((product + (1 << (RECIPROCAL_BITS - 1))) >> RECIPROCAL_BITS),
            scale.shift.eq(Mux(shift > SHIFT_MAX, SHIFT_MAX, shift)),
        ]

        place = Cat(self.row, self.buffer)
        m.submodules.scales = scales = memory.Memory(shape=SCALE.size, depth=2 * g.rows, init=[])
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
