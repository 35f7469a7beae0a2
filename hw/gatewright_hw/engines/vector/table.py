"""The function TABLE: z = value + ((next - value) * f + 64 >> 7).

With x = saturate16(v): record (x >> 7) + 256 of the table and f = x & 127. The rule is
:func:`gatewright.spec.vector.apply_table`.

Formats: v signed, VALUE_BITS; x, value, next and z int16. Each lane has a copy of the table in a block RAM. One group a
cycle.
"""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.vector import NORM_INPUT_BITS, TABLE_ENTRIES, TABLE_STEP_BITS
from gatewright_hw.engines.vector.groups import value_group
from gatewright_hw.engines.vector.record_loader import table_record_write
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.saturation import saturated

__all__ = ["TableLanes"]

_X_BITS = NORM_INPUT_BITS
_RECORD = data.StructLayout({"value": signed(_X_BITS), "next": signed(_X_BITS)})


_FRACTION_STAGE = 4
"""Cycles to the operands of the product: x, table and its register, rise."""
_SUM_STAGE = _FRACTION_STAGE + 2
"""Further: product and its register."""


class TableLanes(wiring.Component):
    """A pipeline without a stall.

    Parameters
    ----------
    lanes : values of a group.

    Members
    -------
    load : RecordWrite, in; records of the table, before the first group that needs them.
    valid, v : 1 and :func:`.value_group`, in.
    z_valid, z : 1 and :func:`.value_group`, out; ``delay`` cycles later.
    """

    delay = _SUM_STAGE + 1
    """Cycles from v to z."""

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        super().__init__(
            {
                "load": In(table_record_write()),
                "valid": In(1),
                "v": In(value_group(lanes)),
                "z_valid": Out(1),
                "z": Out(value_group(lanes)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.d.comb += self.z_valid.eq(delayed(m, self.valid, self.delay, reset=True)[-1])
        for lane in range(self._lanes):
            table = memory.Memory(shape=_RECORD, depth=TABLE_ENTRIES, init=[])
            m.submodules[f"table_{lane}"] = table
            write, read = table.write_port(), table.read_port()

            def register(bits: int, name: str, lane: int = lane) -> Signal:
                return Signal(signed(bits), name=f"{name}_{lane}", reset_less=True)

            x = register(_X_BITS, "x")
            value, rise = register(_X_BITS, "value"), register(_X_BITS + 1, "rise")
            product = register(_X_BITS + 1 + TABLE_STEP_BITS, "product")
            ramp = register(_X_BITS + 1 + TABLE_STEP_BITS, "ramp")
            z = register(_X_BITS, "z")
            record = Signal(_RECORD, name=f"record_{lane}", reset_less=True)
            fraction = delayed(m, x[:TABLE_STEP_BITS], _FRACTION_STAGE - 1)[-1]
            start = delayed(m, value, _SUM_STAGE - _FRACTION_STAGE)[-1]
            m.d.comb += [
                write.addr.eq(self.load.index),
                write.data.eq(self.load.record),
                write.en.eq(self.load.valid),
                read.addr.eq(Cat(x[TABLE_STEP_BITS:-1], ~x[-1])),
                self.z[lane].eq(z),
            ]
            m.d.sync += [
                x.eq(saturated(self.v[lane], _X_BITS)),
                record.eq(read.data),
                rise.eq(record.next - record.value),
                value.eq(record.value),
                product.eq(rise * fraction),
                ramp.eq(product),
                z.eq(start + (ramp + (1 << TABLE_STEP_BITS - 1) >> TABLE_STEP_BITS)),
            ]
        return m
