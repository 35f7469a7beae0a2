"""The last stage: y = saturate(round_half_even(z * gain / 2**shift + bias / 2**8)) on LANES values.

Formats: z signed, VALUE_BITS; gain int16; bias int32 with BIAS_FRACTION_BITS; y of one of four types. Rounding happens
once: bits that the shift drops below the bias's last one only decide ties, and are kept as one sticky bit. The rule is
:func:`gatewright.spec.vector.out`. One group a cycle.

A column's record lies in the block RAM of its lane; with one record for all columns it is in each lane's first word.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.fixed import SHIFT_BITS
from gatewright.spec.vector import (
    BIAS_FRACTION_BITS,
    GAIN_BITS,
    LANES,
    MIN_SHIFT,
    RECORD_BYTES,
    VALUE_BITS,
    ElementType,
)
from gatewright_hw.engines.parts.delay import delayed
from gatewright_hw.engines.parts.rounding_shift import StickyShift
from gatewright_hw.engines.vector.groups import ELEMENT_BITS, GROUP, RAW_GROUP, group_counter, row_layout

__all__ = ["OutLanes"]

_RECORD = data.StructLayout({"bias": signed(ELEMENT_BITS), "gain": signed(GAIN_BITS), "shift": SHIFT_BITS})
"""The part of a record in memory that is not zero."""
_PRODUCT_BITS = VALUE_BITS + GAIN_BITS


def _clamped(value: Value, kind: Value) -> Value:
    """``value`` saturated to the element type ``kind``, as ELEMENT_BITS bits."""
    choices = {}
    for of in ElementType:
        bits = 8 * of.nbytes
        low, high = (0, (1 << bits) - 1) if of is ElementType.UINT8 else (-(1 << bits - 1), (1 << bits - 1) - 1)
        top = value[bits:] if of is ElementType.UINT8 else value[bits - 1 :]
        fits = ~top.any() if of is ElementType.UINT8 else top.all() | ~top.any()
        choices[of] = (fits, low, high)
    result = value[:ELEMENT_BITS].as_signed()
    chosen: Value = result
    for of, (fits, low, high) in choices.items():
        chosen = Mux((kind == of) & ~fits, Mux(value[-1], low, high), chosen)
    return chosen[:ELEMENT_BITS].as_signed()


class OutLanes(wiring.Component):
    """Members.

    load, load_index, load_record : a record of 8 bytes for column ``load_index``, before the first group that needs it.
    per_column : a record for each column; otherwise there is one.
    kind : the ``ElementType`` of y; ``row`` (see :func:`row_layout`) is constant, too, while groups come.
    valid, z : groups in, row by row.
    y_valid, y_last, y : groups out, ``delay`` cycles later, and whether a group ends a row.
    """

    def __init__(self, max_columns: int) -> None:
        self._max_columns = max_columns
        super().__init__(
            {
                "load": In(1),
                "load_index": In(range(max_columns)),
                "load_record": In(8 * RECORD_BYTES),
                "per_column": In(1),
                "kind": In(2),
                "row": In(row_layout(max_columns)),
                "valid": In(1),
                "z": In(GROUP),
                "y_valid": Out(1),
                "y_last": Out(1),
                "y": Out(RAW_GROUP),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles: record and its register, product and its register, shifter, sum, rounding, saturation."""
        return 4 + StickyShift.delay + 3

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        group, last = group_counter(m, self.valid, self.row)
        m.d.comb += [
            self.y_valid.eq(delayed(m, self.valid, self.delay, reset=True)[-1]),
            self.y_last.eq(delayed(m, last, self.delay)[-1]),
        ]
        m.submodules.records = records = memory.Memory(
            shape=data.ArrayLayout(_RECORD, LANES), depth=self._max_columns // LANES, init=[]
        )
        write, read = records.write_port(granularity=1), records.read_port()
        lane_bits = (LANES - 1).bit_length()
        m.d.comb += [
            write.addr.eq(self.load_index[lane_bits:]),
            write.en.eq(Mux(self.load, Mux(self.per_column, 1 << self.load_index[:lane_bits], (1 << LANES) - 1), 0)),
            read.addr.eq(Mux(self.per_column, group, 0)),
        ]
        for lane in range(LANES):
            m.submodules[f"shift_{lane}"] = shifter = StickyShift(_PRODUCT_BITS, _PRODUCT_BITS)
            record = Signal(_RECORD, name=f"record_{lane}", reset_less=True)
            product = Signal(signed(_PRODUCT_BITS), name=f"product_{lane}", reset_less=True)
            scaled = Signal(signed(_PRODUCT_BITS), name=f"scaled_{lane}", reset_less=True)
            dropped = Signal(SHIFT_BITS, name=f"dropped_{lane}", reset_less=True)
            total = Signal(signed(_PRODUCT_BITS + 1), name=f"total_{lane}", reset_less=True)
            sticky = Signal(name=f"sticky_{lane}", reset_less=True)
            rounded = Signal(signed(len(total) - BIAS_FRACTION_BITS + 1), name=f"rounded_{lane}", reset_less=True)
            y = Signal(signed(ELEMENT_BITS), name=f"y_{lane}", reset_less=True)
            z = delayed(m, self.z[lane], 2)[-1]
            m.d.comb += write.data[lane].eq(self.load_record)
            m.d.sync += [
                record.eq(read.data[lane]),
                product.eq(z * record.gain),
                scaled.eq(product),
                dropped.eq(Mux(record.shift < MIN_SHIFT, 0, record.shift - MIN_SHIFT)),
            ]
            m.d.comb += [shifter.value.eq(scaled), shifter.shift.eq(delayed(m, dropped, 1)[-1])]
            bias = delayed(m, record.bias, 2 + shifter.delay)[-1]
            quotient = total[BIAS_FRACTION_BITS:].as_signed()
            half, rest = total[BIAS_FRACTION_BITS - 1], total[: BIAS_FRACTION_BITS - 1].any() | sticky
            m.d.sync += [
                total.eq(shifter.shifted + bias),
                sticky.eq(shifter.sticky),
                rounded.eq(quotient + (half & (rest | quotient[0]))),
                y.eq(_clamped(rounded, self.kind)),
            ]
            m.d.comb += self.y[lane].eq(y)
        return m
