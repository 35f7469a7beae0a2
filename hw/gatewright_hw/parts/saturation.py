"""Signed values in fewer bits."""

from __future__ import annotations

from amaranth.hdl import Const, Mux, Value, signed

__all__ = ["fits", "saturated"]


def fits(value: Value, bits: int) -> Value:
    """Whether the signed ``value`` is one of ``bits`` signed bits: all bits from the sign on are alike."""
    top = value[bits - 1 :]
    return top.all() | ~top.any()


def saturated(value: Value, bits: int) -> Value:
    """The signed ``value`` clamped to ``bits`` signed bits; the rule is :func:`gatewright.spec.fixed.saturate`."""
    highest = Const((1 << bits - 1) - 1, signed(bits))
    return Mux(fits(value, bits), value[:bits].as_signed(), Mux(value[-1], ~highest, highest))
