"""Elements of a row times the row's scale: z = round_half_even((x factor - offset) / 2**shift) on LANES elements.

x is saturate16(v) for a norm and the weight e for a softmax; the scale is that of :mod:`.vector_scale`. The results fit
VALUE_BITS. Two multipliers per lane. A row starts when its scale is known, and passes at a group a cycle.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Shape, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.vector import LANES, NORM_INPUT_BITS, VALUE_BITS
from gatewright_hw.engines.parts.delay import delayed
from gatewright_hw.engines.parts.rounding_shift import RoundingShift
from gatewright_hw.engines.vector.groups import GROUP, group_counter, row_layout, saturated
from gatewright_hw.engines.vector.row_scale import SCALE
from gatewright_hw.engines.vector.softmax_weights import WEIGHT_GROUP

__all__ = ["MapLanes"]

_LOW = 17
"""Bits of the factor in the first of two multipliers."""
_X_BITS = NORM_INPUT_BITS + 1
_FACTOR_BITS = SCALE["factor"].shape
_PRODUCT_BITS = _X_BITS + _FACTOR_BITS
_DIFFERENCE_BITS = Shape.cast(SCALE["offset"].shape).width + 1
"""Of (n x - S) r: |n x - S| is below twice the largest |S|."""


class MapLanes(wiring.Component):
    """Members.

    softmax, slow, row : take weights instead of values; at most a group in two cycles; see :func:`row_layout`. Constant
        while groups come.
    scale : one per row.
    values, weights : groups of v or e.
    room : a group may be sent off.
    sent, index, last : a group is sent off, and its place in its row.
    z_valid, z : groups out, ``delay`` cycles later.
    """

    def __init__(self, max_columns: int) -> None:
        layout = row_layout(max_columns)
        self._shifters = [RoundingShift(_DIFFERENCE_BITS, VALUE_BITS, saturates=False) for _ in range(LANES)]
        super().__init__(
            {
                "softmax": In(1),
                "slow": In(1),
                "row": In(layout),
                "scale": In(stream.Signature(SCALE)),
                "values": In(stream.Signature(GROUP)),
                "weights": In(stream.Signature(WEIGHT_GROUP)),
                "room": In(1),
                "sent": Out(1),
                "index": Out(layout["last_group"].shape),
                "last": Out(1),
                "z_valid": Out(1),
                "z": Out(GROUP),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles: fetch, operands, products and their registers, join, difference, shifter."""
        return 6 + self._shifters[0].delay

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        index, last = group_counter(m, self.sent, self.row)
        pause = Signal()
        source_valid = Mux(self.softmax, self.weights.valid, self.values.valid)
        m.d.comb += [
            self.sent.eq(self.scale.valid & source_valid & self.room & ~pause),
            self.index.eq(index),
            self.last.eq(last),
            self.values.ready.eq(self.sent & ~self.softmax),
            self.weights.ready.eq(self.sent & self.softmax),
            self.scale.ready.eq(self.sent & last),
            self.z_valid.eq(delayed(m, self.sent, self.delay, reset=True)[-1]),
        ]
        m.d.sync += pause.eq(self.sent & self.slow)

        scale = self.scale.payload
        values, weights = (delayed(m, source.payload, 1)[-1] for source in (self.values, self.weights))
        factor = delayed(m, scale.factor, 2)[-1]
        offset = delayed(m, scale.offset, 5)[-1]
        shift = delayed(m, scale.shift, 6)[-1]
        for lane, shifter in enumerate(self._shifters):
            m.submodules[f"shift_{lane}"] = shifter

            def register(bits: int, name: str, lane: int = lane) -> Signal:
                return Signal(signed(bits), name=f"{name}_{lane}", reset_less=True)

            x = register(_X_BITS, "x")
            low, low_term = register(_X_BITS + _LOW, "low"), register(_X_BITS + _LOW, "low_term")
            high, high_term = register(_PRODUCT_BITS - _LOW, "high"), register(_PRODUCT_BITS - _LOW, "high_term")
            product, difference = register(_PRODUCT_BITS, "product"), register(_DIFFERENCE_BITS, "difference")
            m.d.sync += [
                x.eq(Mux(self.softmax, weights[lane], saturated(values[lane], NORM_INPUT_BITS))),
                low.eq(x * factor[:_LOW]),
                high.eq(x * factor[_LOW:]),
                low_term.eq(low),
                high_term.eq(high),
                product.eq((high_term << _LOW) + low_term),
                difference.eq(product - offset),
            ]
            m.d.comb += [
                shifter.value.eq(difference),
                shifter.shift.eq(shift),
                self.z[lane].eq(shifter.result),
            ]
        return m
