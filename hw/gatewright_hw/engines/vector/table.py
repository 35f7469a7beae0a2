"""The function TABLE on LANES values: z = value + ((next - value) * f + 64 >> 7).

With x = saturate16(v): record (x >> 7) + 256 of the table and f = x & 127. The rule is
:func:`gatewright.spec.vector.apply_table`. Each lane has a copy of the table in a block RAM. One group a cycle.
"""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.vector import LANES, NORM_INPUT_BITS, TABLE_ENTRIES, TABLE_STEP_BITS
from gatewright_hw.engines.parts.delay import delayed
from gatewright_hw.engines.vector.groups import GROUP, saturated

__all__ = ["TableLanes"]

_X_BITS = NORM_INPUT_BITS
_RECORD = data.StructLayout({"value": signed(_X_BITS), "next": signed(_X_BITS)})


class TableLanes(wiring.Component):
    """Members.

    load, load_index, load_record : a record of the table and its place, before the first group that needs it.
    valid, v : groups in.
    z_valid, z : groups out, ``delay`` cycles later.
    """

    load: In(1)
    load_index: In(range(TABLE_ENTRIES))
    load_record: In(_RECORD.size)
    valid: In(1)
    v: In(GROUP)
    z_valid: Out(1)
    z: Out(GROUP)

    delay = 7
    """Cycles: saturation, table and its register, rise, product and its register, sum."""

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.d.comb += self.z_valid.eq(delayed(m, self.valid, self.delay, reset=True)[-1])
        for lane in range(LANES):
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
            fraction = delayed(m, x[:TABLE_STEP_BITS], 3)[-1]
            m.d.comb += [
                write.addr.eq(self.load_index),
                write.data.eq(self.load_record),
                write.en.eq(self.load),
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
                z.eq(delayed(m, value, 2)[-1] + (ramp + (1 << TABLE_STEP_BITS - 1) >> TABLE_STEP_BITS)),
            ]
        return m
