"""The int8 array: ROWS x COLS accumulators, output stationary, drained as a wave.

    acc[r][c] = sum over the steps of a tile, and over the ``depth`` k of a step, of a[r][k] * b[c][k]

Formats: a is signed 9 bit (int8 activations, or the unsigned 8-bit weights of a softmax), b signed 8 bit, acc
``acc_bits`` signed.

Every cycle takes one step: ``depth`` columns of A and as many rows of B. Unit (r, c) works on a step ``skew(r, c) =
r * parts + c // lanes`` cycles after it came in, where ``parts = cols / lanes``. So the units of a tile end one group
of ``lanes`` after the other, in row-major order, and one multiplexer catches every accumulator in the one cycle between
its last product and the next tile's first: tiles follow each other without a gap or a shadow register. In return
consecutive tiles end at least ``drain_cycles = rows * parts`` cycles apart.

With a depth of 1 each unit is a DSP48E1; with more, two columns share ``depth`` of them (:mod:`.units`).

Latency: the accumulator of unit (r, c) comes out ``delay + skew(r, c)`` cycles after the tile's last step came in.
"""

from __future__ import annotations

import operator

from amaranth.hdl import Array, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.engines.gemm.units import A_BITS, B_BITS, PACKED_DEPTH, pair, unit, units_delay
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.parameters import in_range

__all__ = ["Drained", "MacArray"]


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
    depth : k in a step: 1, or with an even number of ``lanes`` up to PACKED_DEPTH.
    lanes : accumulators that leave in a cycle, a divisor of ``cols``.
    acc_bits : width of an accumulator: that of a step's sum at the least, and at most a DSP48E1's 48.

    Members
    -------
    a : ``rows`` times ``depth`` times signed(A_BITS), in; columns of A.
    b : ``cols`` times ``depth`` times signed(B_BITS), in; rows of B. With a depth of more than 1 no -128, or 0 in the
        odd or the even columns.
    first, last : 1, in; this step begins, ends a tile (both for a tile of one step).
    drained : Drained, out; accumulators, registered.
    """

    def __init__(self, rows: int, cols: int, depth: int, lanes: int, acc_bits: int) -> None:
        self.rows, self.cols, self.lanes = (operator.index(x) for x in (rows, cols, lanes))
        self.depth = in_range("MacArray", "depth", depth, 1, PACKED_DEPTH)
        if cols % lanes:
            raise ValueError(f"MacArray: lanes is {lanes}, allowed: a divisor of cols = {cols}")
        if depth > 1 and lanes % 2:
            raise ValueError(f"MacArray: lanes is {lanes}, allowed: an even number, since depth is {depth}")
        self.acc_bits = in_range("MacArray", "acc_bits", acc_bits, A_BITS + B_BITS, 48)
        self.parts = cols // lanes
        super().__init__(
            {
                "a": In(data.ArrayLayout(signed(A_BITS), depth)).array(rows),
                "b": In(data.ArrayLayout(signed(B_BITS), depth)).array(cols),
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
        """Cycles from a tile's last step to its first accumulators: the unit's, and the multiplexer's."""
        return units_delay(self.depth) + 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        units = self._units(m)

        # The wave: `group` is the unit group whose accumulators are final in this cycle.
        group = Signal(range(self.drain_cycles))
        running = Signal()
        last = delayed(m, self.last, units_delay(self.depth) - 1, reset=True)[-1]
        with m.If(last):
            m.d.sync += [group.eq(0), running.eq(1)]
        with m.Else():
            m.d.sync += group.eq(group + 1)
            with m.If(group == self.drain_cycles - 1):
                m.d.sync += running.eq(0)
        m.d.sync += [
            self.drained.valid.eq(running),
            self.drained.part.eq(group % self.parts),
            self.drained.row.eq(group // self.parts),
        ]
        for lane in range(self.lanes):
            column = Array(units[g // self.parts][g % self.parts * self.lanes + lane] for g in range(self.drain_cycles))
            m.d.sync += self.drained.acc[lane].eq(column[group])
        return m

    def _units(self, m: Module) -> list[list[Signal]]:
        """The accumulators by row and column."""
        first = delayed(m, self.first, self.drain_cycles + units_delay(self.depth))
        # The k of a step come to their units one a cycle, since each adds to what the one before it has. Each row takes
        # its B from the delay, which has a reset: as shift registers, it would be a look-up table for each bit and row.
        b_cols = [
            [delayed(m, self.b[c][k], self.drain_cycles + k, reset=True)[k:] for k in range(self.depth)]
            for c in range(self.cols)
        ]
        units: list[list[Signal]] = []
        for r in range(self.rows):
            a = [delayed(m, self.a[r][k], (r + 1) * self.parts + k)[k:] for k in range(self.depth)]
            row: list[Signal] = []
            while (c := len(row)) < self.cols:
                skew = r * self.parts + c // self.lanes
                own = [values[skew] for values in a]
                start = first[skew:]
                if self.depth == 1:
                    row.append(unit(m, own[0], b_cols[c][0][skew], start, self.acc_bits, f"{r}_{c}"))
                else:
                    low, high = ([values[skew] for values in b_cols[c + side]] for side in range(2))
                    row += pair(m, own, low, high, start, self.acc_bits, f"{r}_{c}")
            units.append(row)
        return units
