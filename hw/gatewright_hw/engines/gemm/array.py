"""The int8 array: ROWS x COLS multiply-accumulate units, output stationary, drained as a wave.

    acc[r][c] = sum over the steps of a tile of a[r] * b[c]

Formats: a is signed 9 bit (int8 activations, or the unsigned 8-bit weights of a softmax), b signed 8 bit, acc
``acc_bits`` signed.

Every cycle takes one step: a column of A and a row of B. Unit (r, c) works on a step ``skew(r, c) = r * parts + c //
lanes`` cycles after it came in, where ``parts = cols / lanes``. So the units of a tile end one group of ``lanes``
after the other, in row-major order, and one multiplexer catches every accumulator in the one cycle between its last
product and the next tile's first: tiles follow each other without a gap or a shadow register. In return consecutive
tiles end at least ``drain_cycles = rows * parts`` cycles apart.

Each unit is one DSP48E1: the product register is MREG, the accumulator PREG, and ``first`` selects the post-adder's
input.

Latency: the accumulator of unit (r, c) comes out ``delay + skew(r, c)`` cycles after the tile's last step came in.
"""

from __future__ import annotations

import operator

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.parameters import in_range

__all__ = ["A_BITS", "B_BITS", "Drained", "MacArray"]

A_BITS = 9
B_BITS = 8


class Drained(data.StructLayout):
    """``lanes`` accumulators of one row.

    ``valid`` : they belong to a tile; ``row`` and ``part`` : where they stand, ``acc[i]`` is column ``part * lanes +
    i``.
    """

    def __init__(self, rows: int, cols: int, lanes: int, acc_bits: int) -> None:
        acc = data.ArrayLayout(signed(acc_bits), lanes)
        super().__init__({"valid": 1, "row": range(rows), "part": range(cols // lanes), "acc": acc})


class MacArray(wiring.Component):
    """The array: one step a cycle, ``lanes`` accumulators out a cycle.

    Parameters
    ----------
    rows, cols : its shape.
    lanes : accumulators that leave in a cycle, a divisor of ``cols``.
    acc_bits : width of an accumulator: that of a product at the least, and at most a DSP48E1's 48.

    Members
    -------
    a : ``rows`` times signed(A_BITS), in; a column of A.
    b : ``cols`` times signed(B_BITS), in; a row of B.
    first, last : 1, in; this step begins, ends a tile (both for a tile of one step).
    drained : Drained, out; accumulators, registered.
    """

    def __init__(self, rows: int, cols: int, lanes: int, acc_bits: int) -> None:
        self.rows, self.cols, self.lanes = (operator.index(x) for x in (rows, cols, lanes))
        if cols % lanes:
            raise ValueError(f"MacArray: lanes is {lanes}, allowed: a divisor of cols = {cols}")
        self.acc_bits = in_range("MacArray", "acc_bits", acc_bits, A_BITS + B_BITS, 48)
        self.parts = cols // lanes
        super().__init__(
            {
                "a": In(signed(A_BITS)).array(rows),
                "b": In(signed(B_BITS)).array(cols),
                "first": In(1),
                "last": In(1),
                "drained": Out(Drained(rows, cols, lanes, acc_bits)),
            }
        )

    @property
    def drain_cycles(self) -> int:
        """Fewest cycles from the last step of a tile to that of the next."""
        return self.rows * self.parts

    @property
    def delay(self) -> int:
        """Cycles from a tile's last step to its first accumulators: product, accumulator, multiplexer."""
        return 3

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parts = self.parts
        first = delayed(m, self.first, self.drain_cycles)
        b_rows = [delayed(m, self.b[c], self.drain_cycles) for c in range(self.cols)]
        units: list[list[Signal]] = []
        for r in range(self.rows):
            a = delayed(m, self.a[r], (r + 1) * parts)
            row = []
            for c in range(self.cols):
                skew = r * parts + c // self.lanes
                product = Signal(signed(A_BITS + B_BITS), name=f"product_{r}_{c}")
                acc = Signal(signed(self.acc_bits), name=f"acc_{r}_{c}")
                start = Signal(name=f"start_{r}_{c}")
                m.d.sync += [
                    product.eq(a[skew] * b_rows[c][skew]),
                    start.eq(first[skew]),
                    acc.eq(product + Mux(start, 0, acc)),
                ]
                row.append(acc)
            units.append(row)

        # The wave: `group` is the unit group whose accumulators are final in this cycle.
        group = Signal(range(self.drain_cycles))
        running = Signal()
        last = delayed(m, self.last, 1, reset=True)[1]
        with m.If(last):
            m.d.sync += [group.eq(0), running.eq(1)]
        with m.Else():
            m.d.sync += group.eq(group + 1)
            with m.If(group == self.drain_cycles - 1):
                m.d.sync += running.eq(0)
        m.d.sync += [
            self.drained.valid.eq(running),
            self.drained.part.eq(group % parts),
            self.drained.row.eq(group // parts),
        ]
        for lane in range(self.lanes):
            column = Array(units[g // parts][g % parts * self.lanes + lane] for g in range(self.drain_cycles))
            m.d.sync += self.drained.acc[lane].eq(column[group])
        return m
