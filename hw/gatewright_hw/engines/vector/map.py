"""Elements of a row times the row's scale: z = round_half_even((x factor - offset) / 2**shift).

x is saturate16(v) for a norm and the weight e for a softmax.

Formats: v and z signed, VALUE_BITS, which every z fits; the scale is that of :mod:`.row_scale`. Two multipliers per
lane. A row starts when its scale is known, and passes at a group a cycle, or at one in two cycles.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Shape, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.vector import NORM_INPUT_BITS, VALUE_BITS
from gatewright_hw.engines.vector.groups import Departure, group_counter, row_layout, value_group
from gatewright_hw.engines.vector.row_scale import ROW_SCALE
from gatewright_hw.engines.vector.weight_lanes import weight_group
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.rounding_shift import RoundingShift
from gatewright_hw.parts.saturation import saturated

__all__ = ["MapLanes"]

_LOW_BITS = 17
"""Bits of the factor in the first of two multipliers."""
_X_BITS = NORM_INPUT_BITS + 1
_FACTOR_BITS = ROW_SCALE["factor"].shape
_PRODUCT_BITS = _X_BITS + _FACTOR_BITS
_DIFFERENCE_BITS = Shape.cast(ROW_SCALE["offset"].shape).width + 1
"""Of (n x - S) r: |n x - S| is below twice the largest |S|."""

_FACTOR_STAGE = 2
"""Cycles from a group's departure to its product with the factor: fetch, x."""
_OFFSET_STAGE = _FACTOR_STAGE + 3
"""Further: products and their registers, join."""
_SHIFT_STAGE = _OFFSET_STAGE + 1


class MapLanes(wiring.Component):
    """A pipeline that does not stall once a group has set off.

    Parameters
    ----------
    max_columns : the widest row; a power of two times ``lanes``.
    lanes : elements of a group, a power of two.

    Members
    -------
    softmax : 1, in; takes weights instead of values. This and the next two are constant while groups come.
    slow : 1, in; at most a group in two cycles.
    row : :func:`row_layout`, in.
    scale : stream of ROW_SCALE, in; one per row.
    values : stream of :func:`.value_group`, in; v.
    weights : stream of :func:`.weight_group`, in; e.
    departure : Departure, out; groups that set off.
    z_valid, z : 1 and :func:`.value_group`, out; each group ``delay`` cycles after it has set off.
    """

    def __init__(self, max_columns: int, lanes: int) -> None:
        self._shifters = [RoundingShift(_DIFFERENCE_BITS, VALUE_BITS, saturates=False) for _ in range(lanes)]
        super().__init__(
            {
                "softmax": In(1),
                "slow": In(1),
                "row": In(row_layout(max_columns, lanes)),
                "scale": In(stream.Signature(ROW_SCALE)),
                "values": In(stream.Signature(value_group(lanes))),
                "weights": In(stream.Signature(weight_group(lanes))),
                "departure": Out(Departure(max_columns, lanes)),
                "z_valid": Out(1),
                "z": Out(value_group(lanes)),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from a group's departure to z."""
        return _SHIFT_STAGE + self._shifters[0].delay

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        departure = self.departure
        sent = departure.sent
        index, last = group_counter(m, sent, self.row)
        pause = Signal()
        source_valid = Mux(self.softmax, self.weights.valid, self.values.valid)
        m.d.comb += [
            sent.eq(self.scale.valid & source_valid & departure.room & ~pause),
            departure.index.eq(index),
            departure.last.eq(last),
            self.values.ready.eq(sent & ~self.softmax),
            self.weights.ready.eq(sent & self.softmax),
            self.scale.ready.eq(sent & last),
            self.z_valid.eq(delayed(m, sent, self.delay, reset=True)[-1]),
        ]
        m.d.sync += pause.eq(sent & self.slow)

        scale = self.scale.payload
        values, weights = (delayed(m, source.payload, 1)[-1] for source in (self.values, self.weights))
        factor = delayed(m, scale.factor, _FACTOR_STAGE)[-1]
        offset = delayed(m, scale.offset, _OFFSET_STAGE)[-1]
        shift = delayed(m, scale.shift, _SHIFT_STAGE)[-1]
        for lane, shifter in enumerate(self._shifters):
            m.submodules[f"shift_{lane}"] = shifter

            def register(bits: int, name: str, lane: int = lane) -> Signal:
                return Signal(signed(bits), name=f"{name}_{lane}", reset_less=True)

            x = register(_X_BITS, "x")
            low, low_term = (register(_X_BITS + _LOW_BITS, name) for name in ("low", "low_term"))
            high, high_term = (register(_PRODUCT_BITS - _LOW_BITS, name) for name in ("high", "high_term"))
            product, difference = register(_PRODUCT_BITS, "product"), register(_DIFFERENCE_BITS, "difference")
            m.d.sync += [
                x.eq(Mux(self.softmax, weights[lane], saturated(values[lane], NORM_INPUT_BITS))),
                low.eq(x * factor[:_LOW_BITS]),
                high.eq(x * factor[_LOW_BITS:]),
                low_term.eq(low),
                high_term.eq(high),
                product.eq((high_term << _LOW_BITS) + low_term),
                difference.eq(product - offset),
            ]
            m.d.comb += [
                shifter.value.eq(difference),
                shifter.shift.eq(shift),
                self.z[lane].eq(shifter.result),
            ]
        return m
