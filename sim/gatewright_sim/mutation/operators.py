"""The faults: what stands at a site, and what may stand there instead.

A mutant's fault is chosen while the design runs, by the signal :attr:`Operators.select`: ``Mux(select == number, fault,
original)``. With 0 the design is the original. Every instance of a component has the fault.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from amaranth.hdl import Cat, ClockSignal, Const, Module, Mux, Shape, Signal, Value, signed

__all__ = ["ARROW", "SELECT_BITS", "Operators"]

ARROW = " -> "
"""Between a site and its fault in a mutant's key."""
SELECT_BITS = 16

_BINARY = {"&": operator.and_, "|": operator.or_, "^": operator.xor, "+": operator.add, "-": operator.sub}
_COMPARED = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OTHER = {"&": "|", "|": "&", "^": "|", "+": "-", "-": "+"}
_BOUNDARY = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_METHOD = {"any": "all", "all": "any", "as_signed": "as_unsigned", "as_unsigned": "as_signed"}

Fault = tuple[str, str, Callable[[], Any]]
"""Its kind, its name, and what makes it."""


def _is_number(value: object) -> bool:
    """Whether ``value`` is a plain integer, as a constant of the description is."""
    return isinstance(value, int) and not isinstance(value, bool)


def _fitted(value: Any, shape: Shape) -> Value:
    """``value`` in ``shape``, so that nothing around it changes its width or its sign."""
    value = Value.cast(value)
    sign = value[-1] if value.shape().signed and len(value) else Const(0, 1)
    bits = Cat(value, sign.replicate(max(shape.width - len(value), 0)))[: shape.width]
    return bits.as_signed() if shape.signed else bits


class Operators:
    """What a rewritten module calls.

    Parameters
    ----------
    fixed : the one mutant that the design is, instead of the original.

    Attributes
    ----------
    select : SELECT_BITS wide; the number of the mutant that the design is, 0 for the original.
    numbers : of the mutants that the design has, by key.
    found : the kinds of all that could be mutants, by key, in the order in which they were met.
    """

    def __init__(self, fixed: str | None = None) -> None:
        self._fixed = fixed
        self.select = Signal(SELECT_BITS, name="mutant")
        self.numbers: dict[str, int] = {}
        self.found: dict[str, str] = {}

    def _active(self, site: str, kind: str, fault: str) -> Value | bool:
        """When the mutant is what the design is; False, when that is never."""
        key = f"{site}{ARROW}{fault}"
        self.found.setdefault(key, kind)
        if key == self._fixed:
            return True
        return self.select == self.numbers[key] if key in self.numbers else False

    def _with(self, site: str, original: Any, faults: Iterable[Fault]) -> Any:
        if not isinstance(original, Value):
            return original
        shape, result = original.shape(), original
        for kind, name, make in faults:
            active = self._active(site, kind, name)
            if active is True:
                return _fitted(make(), shape)
            if active is not False:
                result = Mux(active, _fitted(make(), shape), result)
        return result

    def binary(self, site: str, symbol: str, left: Any, right: Any) -> Any:
        """``left & right`` and its like: another operator, one operand alone, a constant that is one off."""
        of, other = _BINARY[symbol], _OTHER[symbol]
        kind = "arithmetic" if symbol in "+-" else "logic"
        faults: list[Fault] = [(kind, other, lambda: _BINARY[other](left, right))]
        if symbol in "&|":
            faults += [(kind, "left", lambda: left), (kind, "right", lambda: right)]
        elif _is_number(right):
            faults += [("constant", "right + 1", lambda: of(left, right + 1))]
            faults += [("constant", "right - 1", lambda: of(left, right - 1))]
        elif _is_number(left):
            faults += [("constant", "left + 1", lambda: of(left + 1, right))]
        return self._with(site, of(left, right), faults)

    def compare(self, site: str, symbol: str, left: Any, right: Any) -> Any:
        """``left < right`` and its like: the limit on the other side, a constant that is one off."""
        of, other = _COMPARED[symbol], _BOUNDARY[symbol]
        faults: list[Fault] = [("comparison", other, lambda: _COMPARED[other](left, right))]
        if _is_number(right):
            faults += [("constant", "right + 1", lambda: of(left, right + 1))]
            faults += [("constant", "right - 1", lambda: of(left, right - 1))] if right else []
        return self._with(site, of(left, right), faults)

    def invert(self, site: str, operand: Any) -> Any:
        """``~operand``: not inverted."""
        return self._with(site, ~operand, [("logic", "not inverted", lambda: operand)])

    def method(self, site: str, name: str, value: Any) -> Any:
        """``value.any()`` and its like: its opposite, the other sign."""
        original, other = getattr(value, name)(), _METHOD[name]
        if not isinstance(original, Value):
            return original
        if not name.startswith("as_"):
            return self._with(site, original, [("logic", other, lambda: getattr(value, other)())])
        key = f"{site}{ARROW}{other}"
        self.found.setdefault(key, "sign")
        if key != self._fixed and key not in self.numbers:
            return original
        # A bit wider, since a sign shows only in what lies above.
        wider = _fitted(original, signed(len(original) + 1))
        return self._with(site, wider, [("sign", other, lambda: getattr(value, other)())])

    def part(self, site: str, value: Any, index: Any) -> Any:
        """``value[index]``: a bit further up or down."""
        original = value[index]
        if not isinstance(value, Value) or not isinstance(index, (int, slice)):
            return original
        start, stop, step = (index if isinstance(index, slice) else slice(index, index + 1 or None)).indices(len(value))
        faults: list[Fault] = []
        if step == 1 and stop < len(value):
            faults.append(("slice", "up", lambda: value[start + 1 : stop + 1]))
        if step == 1 and start:
            faults.append(("slice", "down", lambda: value[start - 1 : stop - 1]))
        return self._with(site, original, faults)

    def chosen(self, site: str, condition: Any, high: Any, low: Any) -> Any:
        """``Mux(condition, high, low)``: swapped, one of them always."""
        faults: list[Fault] = [
            ("branch", "swapped", lambda: Mux(condition, low, high)),
            ("branch", "high", lambda: high),
            ("branch", "low", lambda: low),
        ]
        return self._with(site, Mux(condition, high, low), faults)

    def condition(self, site: str, condition: Any) -> Any:
        """Of a branch: negated, always, never."""
        value = Value.cast(condition).bool()
        faults: list[Fault] = [
            ("enable", "negated", lambda: ~value),
            ("enable", "always", lambda: Const(1)),
            ("enable", "never", lambda: Const(0)),
        ]
        return self._with(site, value, faults)

    def assigned(self, site: str, target: Any, value: Any) -> Any:
        """``target.eq(value)``: a constant that is one off, a bit that is stuck."""
        if not isinstance(target, Value) or isinstance(target, ClockSignal):
            return target.eq(value)
        shape = target.shape()
        if _is_number(value):
            most = (1 << shape.width) - 1
            others = dict.fromkeys((value + step) & most for step in (1, -1))
            faults: list[Fault] = [("constant", f"={other}", partial(Const, other, shape.width)) for other in others]
            return target.eq(self._with(site, _fitted(Const(value), shape), faults))
        if isinstance(value, Value) and shape.width == len(value) == 1:
            faults = [("enable", f"stuck at {level}", partial(Const, level, 1)) for level in (0, 1)]
            value = self._with(site, value, faults)
        return target.eq(value)

    def statement(self, site: str, m: Module, domain: str, statements: Any) -> None:
        """``m.d.<domain> += statements``: left out."""
        # No condition may stand between `Switch` and its cases, and a clock is no data.
        plain = m._ctrl_context == "Switch" or isinstance(getattr(statements, "lhs", None), ClockSignal)
        active = False if plain else self._active(site, "assignment", "left out")
        if active is False:
            m.d[domain] += statements
        elif active is not True:
            with m.If(~active):
                m.d[domain] += statements

    def next_state(self, site: str, m: Module, state: str) -> None:
        """``m.next = state``: the state stays."""
        active = self._active(site, "assignment", "stays")
        if active is False:
            m.next = state
        elif active is not True:
            with m.If(~active):
                m.next = state
