"""The last stage: y = saturate(round_half_even(z * gain / 2**shift + bias / 2**8)).

Formats: z signed, VALUE_BITS; gain int16; bias int32 with BIAS_FRACTION_BITS; y of one of four types. Rounding happens
once: bits that the shift drops below the bias's last one only decide ties, and are kept as one sticky bit. The rule is
:func:`gatewright.spec.vector.out`. One group a cycle.

A column's record lies in the block RAM of its lane; with one record for all columns it is in each lane's first word.
"""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.fixed import SHIFT_BITS
from gatewright.spec.vector import BIAS_FRACTION_BITS, GAIN_BITS, MIN_SHIFT, VALUE_BITS, ElementType
from gatewright_hw.engines.vector.groups import ELEMENT_BITS, group_counter, raw_group, row_layout, value_group
from gatewright_hw.engines.vector.record_loader import output_record_write
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.rounding_shift import StickyShift, half_even
from gatewright_hw.parts.saturation import fits

__all__ = ["OutLanes"]

_RECORD = data.StructLayout({"bias": signed(ELEMENT_BITS), "gain": signed(GAIN_BITS), "shift": SHIFT_BITS})
"""The part of a record in memory that is not zero."""
_PRODUCT_BITS = VALUE_BITS + GAIN_BITS

_GAIN_STAGE = 2
"""Cycles to the operands of the product: record and its register."""
_SHIFT_STAGE = _GAIN_STAGE + 2
"""Further: product and its register."""
_BIAS_STAGE = _SHIFT_STAGE + StickyShift.delay


def _clamped(value: Value, kind: Value) -> Value:
    """``value`` saturated to the element type ``kind``, as ELEMENT_BITS bits."""
    clamped: Value = value[:ELEMENT_BITS].as_signed()
    for element_type in ElementType:
        limits = np.iinfo(element_type.dtype)
        inside = fits(value, limits.bits) if limits.min else ~value[limits.bits :].any()
        limit = Mux(value[-1], int(limits.min), int(limits.max))
        clamped = Mux((kind == element_type) & ~inside, limit, clamped)
    return clamped[:ELEMENT_BITS].as_signed()


class OutLanes(wiring.Component):
    """A pipeline without a stall.

    Parameters
    ----------
    max_columns : the widest row; a power of two times ``lanes``.
    lanes : elements of a group, a power of two.

    Members
    -------
    load : RecordWrite, in; records of 8 bytes, before the first group that needs them.
    per_column : 1, in; there is a record for each column, otherwise one for all. This and the next two are constant
        while groups come.
    kind : 2 bits, in; the ``ElementType`` of y.
    row : :func:`row_layout`, in.
    first_group : stream of group indices, in; where there is one, of the row's first group among the records.
    valid, z : 1 and :func:`.value_group`, in; groups, row by row.
    y_valid, y_last, y : 1, 1 and :func:`.raw_group`, out; ``delay`` cycles later, and whether a group ends its row.
    """

    delay = _BIAS_STAGE + 3
    """Cycles from z to y; the last three: sum, rounding, saturation."""

    def __init__(self, max_columns: int, lanes: int) -> None:
        self._max_columns, self._lanes = max_columns, lanes
        super().__init__(
            {
                "load": In(output_record_write(max_columns)),
                "per_column": In(1),
                "kind": In(2),
                "row": In(row_layout(max_columns, lanes)),
                "first_group": In(stream.Signature(row_layout(max_columns, lanes)["last_group"].shape)),
                "valid": In(1),
                "z": In(value_group(lanes)),
                "y_valid": Out(1),
                "y_last": Out(1),
                "y": Out(raw_group(lanes)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        group, last = group_counter(m, self.valid, self.row)
        m.d.comb += [
            self.y_valid.eq(delayed(m, self.valid, self.delay, reset=True)[-1]),
            self.y_last.eq(delayed(m, last, self.delay)[-1]),
            self.first_group.ready.eq(self.valid & last),
        ]
        first_group = Mux(self.first_group.valid, self.first_group.payload, 0)
        m.submodules.records = records = memory.Memory(
            shape=data.ArrayLayout(_RECORD, self._lanes), depth=self._max_columns // self._lanes, init=[]
        )
        write, read = records.write_port(granularity=1), records.read_port()
        lane_bits = exact_log2(self._lanes)
        m.d.comb += [
            write.addr.eq(self.load.index[lane_bits:]),
            write.en.eq(Mux(self.load.valid, Mux(self.per_column, 1 << self.load.index[:lane_bits], -1), 0)),
            read.addr.eq(Mux(self.per_column, group + first_group, 0)),
        ]
        for lane in range(self._lanes):
            m.submodules[f"shift_{lane}"] = shifter = StickyShift(_PRODUCT_BITS, _PRODUCT_BITS)
            record = Signal(_RECORD, name=f"record_{lane}", reset_less=True)
            product = Signal(signed(_PRODUCT_BITS), name=f"product_{lane}", reset_less=True)
            scaled = Signal(signed(_PRODUCT_BITS), name=f"scaled_{lane}", reset_less=True)
            dropped = Signal(SHIFT_BITS, name=f"dropped_{lane}", reset_less=True)
            total = Signal(signed(_PRODUCT_BITS + 1), name=f"total_{lane}", reset_less=True)
            sticky = Signal(name=f"sticky_{lane}", reset_less=True)
            rounded = Signal(signed(len(total) - BIAS_FRACTION_BITS + 1), name=f"rounded_{lane}", reset_less=True)
            y = Signal(signed(ELEMENT_BITS), name=f"y_{lane}", reset_less=True)
            z = delayed(m, self.z[lane], _GAIN_STAGE)[-1]
            m.d.comb += write.data[lane].eq(self.load.record)
            m.d.sync += [
                record.eq(read.data[lane]),
                product.eq(z * record.gain),
                scaled.eq(product),
                dropped.eq(Mux(record.shift < MIN_SHIFT, 0, record.shift - MIN_SHIFT)),
            ]
            m.d.comb += [
                shifter.value.eq(scaled),
                shifter.shift.eq(delayed(m, dropped, _SHIFT_STAGE - _GAIN_STAGE - 1)[-1]),
                self.y[lane].eq(y),
            ]
            bias = delayed(m, record.bias, _BIAS_STAGE - _GAIN_STAGE)[-1]
            quotient = total[BIAS_FRACTION_BITS:].as_signed()
            half, rest = total[BIAS_FRACTION_BITS - 1], total[: BIAS_FRACTION_BITS - 1].any() | sticky
            m.d.sync += [
                total.eq(shifter.shifted + bias),
                sticky.eq(shifter.sticky),
                rounded.eq(half_even(quotient, half, rest)),
                y.eq(_clamped(rounded, self.kind)),
            ]
        return m
