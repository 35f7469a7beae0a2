"""The scale of a row: what a norm or a softmax multiplies its elements by.

    norm      V = n Q - S**2 + epsilon = m 4**h, m in 1/4 .. 1;  r = curve(ROOT_CURVE, m)
              factor = n r, offset = S r, shift = h + 2; any r will do for V = 0, where n x = S for all x
    softmax   E = m 2**L, m in 1/2 .. 1;  r = curve(RECIPROCAL_CURVE, m)
              factor = r, offset = 0, shift = L
    both      z = round_half_even((x factor - offset) / 2**shift)

with n elements, their sum S and sum of squares Q, epsilon, and E, the sum of the weights, all exact integers. The rules
are :func:`gatewright.spec.vector.normalise` and :func:`gatewright.spec.vector.softmax`.

One multiplier of 24 x 17 bits makes all products, one accumulator sums them and is normalised in place. Throughput: a
row in ``norm_cycles`` or ``softmax_cycles``; while it is scaled, the rows before it are on their way out and those
behind it come in.
"""

from __future__ import annotations

from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from gatewright.spec.curves import CURVE_FRACTION_BITS, INTERPOLATION_BITS, MANTISSA_BITS, RECIPROCAL_CURVE, ROOT_CURVE
from gatewright.spec.fixed import SHIFT_BITS
from gatewright.spec.vector import EPSILON_BITS, MAX_COLUMNS, NORM_FRACTION_BITS, NORM_INPUT_BITS
from gatewright_hw.engines.vector.multiply_accumulate import X_BITS, Y_BITS, MultiplyAccumulate
from gatewright_hw.engines.vector.softmax_weights import sum_bits
from gatewright_hw.engines.vector.statistics import statistics_layout
from gatewright_hw.parts.promised_queue import PromisedQueue

__all__ = ["ROW_SCALE", "RowScale"]

_COUNT_BITS = bits_for(MAX_COLUMNS)
_RATE_BITS = CURVE_FRACTION_BITS + 2
"""r is at most 2."""

ROW_SCALE = data.StructLayout(
    {
        "factor": _COUNT_BITS + _RATE_BITS - 1,
        "offset": signed(NORM_INPUT_BITS + _COUNT_BITS + _RATE_BITS - 1),
        "shift": SHIFT_BITS,
    }
)
"""z = round_half_even((x factor - offset) / 2**shift)."""

_ACCUMULATOR_BITS = 56
"""V is below 2**55, for rows of MAX_COLUMNS and the largest epsilon."""

_PRODUCT_DELAY = 1 + MultiplyAccumulate.delay
"""Cycles from where operands are chosen to their product; they are registered first."""
_DEPTH = 3
"""Scales that wait."""
_CURVE_DELAY = 2
"""Cycles: table and its register."""
_NORMALISE = (32, 16, 8, 4, 2, 1)
"""Steps that bring the leading one to the top. A norm leaves the last out, so that the shift is even."""


class _State(Enum):
    IDLE = 0
    SUMS = 1
    """n Q - S**2 + epsilon."""
    NORMALISE = 2
    CURVE = 3
    """r: an entry of the curve, and the line to the next one."""
    PRODUCTS = 4
    """n r and S r."""
    DONE = 5


class _Product(NamedTuple):
    """What is multiplied, by the names of operands, and what becomes of it: ``sign`` times the product, moved left by
    ``left`` bits, is added to the accumulator; or nothing, without ``left``."""

    x: str
    y: str
    left: int | None = None
    sign: str = "plus"


_SCHEDULE: dict[_State, tuple[_Product | None, ...]] = {
    _State.SUMS: (
        _Product("power_low", "count", 0),
        _Product("power_high", "count", X_BITS),
        _Product("low", "low", 0, "minus"),
        _Product("low", "high", Y_BITS + 1, "minus"),
        _Product("high", "high", 2 * Y_BITS, "minus"),
    ),
    _State.CURVE: (*(None,) * _CURVE_DELAY, _Product("fraction", "drop")),
    _State.PRODUCTS: (
        _Product("rate", "count"),
        _Product("rate", "low", 0, "that of S"),
        _Product("rate", "high", Y_BITS, "that of S"),
    ),
}
"""What the multiplier begins in each cycle of a state. ``low`` and ``high`` are parts of the magnitude of S."""

_PLACES = sorted({p.left for products in _SCHEDULE.values() for p in products if p and p.left is not None})
"""Where products meet the accumulator."""

_CYCLES = {state: len(products) + _PRODUCT_DELAY for state, products in _SCHEDULE.items()}
"""Cycles of the states that multiply: until their last product is used."""


def _curve_entries() -> list[int]:
    """Both curves, the reciprocal behind the root: the fraction of each value, and, above it, the drop to the next."""
    entries = []
    for table in (ROOT_CURVE, RECIPROCAL_CURVE):
        points = [int(point) - (1 << CURVE_FRACTION_BITS) for point in table]
        entries += [here | here - after << _RATE_BITS - 1 for here, after in pairwise(points)]
    return entries


class RowScale(wiring.Component):
    """Scales one row after the other.

    Parameters
    ----------
    max_columns : the widest row, at most MAX_COLUMNS.

    Members
    -------
    softmax : 1, in; the scales of a softmax are wanted. This and the next two are constant while rows come.
    count : 0..max_columns, in; n.
    epsilon : EPSILON_BITS, in.
    statistics : stream of :func:`statistics_layout`, in; one per row of a norm.
    sum : stream of :func:`sum_bits`, in; one per row of a softmax.
    o : stream of ROW_SCALE, out; from a queue.
    """

    norm_cycles = 1 + sum(_CYCLES.values()) + len(_NORMALISE) - 1 + 1
    """Cycles of a row, from one to the next, the first and the last included."""
    softmax_cycles = 1 + len(_NORMALISE) + _CYCLES[_State.CURVE] + 1

    def __init__(self, max_columns: int) -> None:
        super().__init__(
            {
                "softmax": In(1),
                "count": In(range(max_columns + 1)),
                "epsilon": In(EPSILON_BITS),
                "statistics": In(stream.Signature(statistics_layout(max_columns))),
                "sum": In(stream.Signature(sum_bits(max_columns))),
                "o": Out(stream.Signature(ROW_SCALE)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = PromisedQueue(ROW_SCALE, _DEPTH)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        state = Signal(_State)
        tick = Signal(range(max(len(_NORMALISE), *_CYCLES.values())))
        total = Signal(self.statistics.payload.total.shape(), reset_less=True)
        power = Signal(self.statistics.payload.power.shape(), reset_less=True)
        accumulator = Signal(_ACCUMULATOR_BITS, reset_less=True)
        length = Signal(signed(bits_for(_ACCUMULATOR_BITS) + 1), reset_less=True)  # of the number in bits
        rate, factor = Signal(_RATE_BITS, reset_less=True), Signal(ROW_SCALE["factor"].shape, reset_less=True)

        size = Mux(total < 0, -total, total)
        low, high = size[:Y_BITS], size[Y_BITS:]
        entry = self._curve(m, accumulator)
        fraction = accumulator[-MANTISSA_BITS:][:INTERPOLATION_BITS]
        start, drop = entry[: _RATE_BITS - 1], entry[_RATE_BITS - 1 :]
        operands = {
            "power_low": power[:X_BITS],
            "power_high": power[X_BITS:],
            "count": self.count,
            "low": low,
            "high": high,
            "fraction": fraction,
            "drop": drop,
            "rate": rate,
            "total": total,
        }
        m.submodules.multiplier = multiplier = MultiplyAccumulate(_ACCUMULATOR_BITS, _PLACES)
        m.d.comb += multiplier.accumulator.eq(accumulator)
        self._schedule(m, multiplier, state, tick, operands)
        product = multiplier.product

        def enter(following: _State) -> list[object]:
            return [state.eq(following), tick.eq(0)]

        def ends(now: _State) -> Value:
            return tick == _CYCLES[now] - 1

        m.d.sync += [tick.eq(tick + 1), accumulator.eq(multiplier.total)]
        with m.Switch(state):
            with m.Case(_State.IDLE):
                ready = queue.room
                m.d.comb += [self.sum.ready.eq(ready & self.softmax), self.statistics.ready.eq(ready & ~self.softmax)]
                m.d.sync += [length.eq(_ACCUMULATOR_BITS), total.eq(self.statistics.payload.total)]
                m.d.sync += [power.eq(self.statistics.payload.power), tick.eq(0)]
                m.d.sync += accumulator.eq(Mux(self.softmax, self.sum.payload, self.epsilon))
                with m.If(self.sum.valid & self.sum.ready):
                    m.d.sync += enter(_State.NORMALISE)
                with m.If(self.statistics.valid & self.statistics.ready):
                    m.d.sync += enter(_State.SUMS)
            with m.Case(_State.SUMS), m.If(ends(_State.SUMS)):
                m.d.sync += enter(_State.NORMALISE)
            with m.Case(_State.NORMALISE):
                with m.Switch(tick):
                    for number, step in enumerate(_NORMALISE):
                        with m.Case(number), m.If(~accumulator[-step:].any()):
                            m.d.sync += [accumulator.eq(accumulator << step), length.eq(length - step)]
                with m.If(tick == Mux(self.softmax, len(_NORMALISE) - 1, len(_NORMALISE) - 2)):
                    m.d.sync += enter(_State.CURVE)
            with m.Case(_State.CURVE), m.If(ends(_State.CURVE)):
                one = 1 << CURVE_FRACTION_BITS
                m.d.sync += [rate.eq(one + start - (product >> INTERPOLATION_BITS)), accumulator.eq(0)]
                with m.If(self.softmax):
                    m.d.sync += enter(_State.DONE)
                with m.Else():
                    m.d.sync += enter(_State.PRODUCTS)
            with m.Case(_State.PRODUCTS):
                with m.If(tick == _PRODUCT_DELAY):  # of the first product
                    m.d.sync += factor.eq(product)
                with m.If(ends(_State.PRODUCTS)):
                    m.d.sync += enter(_State.DONE)
            with m.Case(_State.DONE):
                m.d.sync += enter(_State.IDLE)

        halves = CURVE_FRACTION_BITS - NORM_FRACTION_BITS
        m.d.comb += [
            queue.claim.eq(queue.push),
            queue.push.eq(state == _State.DONE),
            queue.item.factor.eq(Mux(self.softmax, rate, factor)),
            queue.item.offset.eq(accumulator),
            queue.item.shift.eq(Mux(self.softmax, length, (length >> 1) + halves)),
        ]
        return m

    def _curve(self, m: Module, accumulator: Signal) -> Signal:
        """The entry at the top bits of ``accumulator``, ``_CURVE_DELAY`` cycles later."""
        entries = _curve_entries()
        index_bits = exact_log2(len(entries) // 2)
        bits = bits_for(max(entries))
        m.submodules.curves = curves = memory.Memory(shape=bits, depth=len(entries), init=entries)
        read = curves.read_port()
        entry = Signal(bits, reset_less=True)
        m.d.comb += read.addr.eq(Cat(accumulator[-index_bits:], self.softmax))
        m.d.sync += entry.eq(read.data)
        return entry

    def _schedule(
        self, m: Module, multiplier: MultiplyAccumulate, state: Signal, tick: Signal, operands: dict[str, Value]
    ) -> None:
        """Begin the products of ``_SCHEDULE``."""
        negative = {"plus": 0, "minus": 1, "that of S": operands["total"] < 0}
        schedule = {
            at | during.value << len(tick): product
            for during, products in _SCHEDULE.items()
            for at, product in enumerate(products)
            if product is not None
        }
        x, y = Signal(X_BITS, reset_less=True), Signal(Y_BITS, reset_less=True)
        adds, minus, place = Signal(), Signal(), Signal.like(multiplier.place)
        m.d.sync += adds.eq(0)
        with m.Switch(Cat(tick, state)):
            for when, product in schedule.items():
                with m.Case(when):
                    m.d.sync += [x.eq(operands[product.x]), y.eq(operands[product.y]), minus.eq(negative[product.sign])]
                    if product.left is not None:
                        m.d.sync += [adds.eq(1), place.eq(_PLACES.index(product.left))]
        m.d.comb += [
            multiplier.x.eq(x),
            multiplier.y.eq(y),
            multiplier.adds.eq(adds),
            multiplier.minus.eq(minus),
            multiplier.place.eq(place),
        ]
