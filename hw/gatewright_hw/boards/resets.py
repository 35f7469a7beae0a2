"""Where a processing system gives no reset to the fabric that can be relied on."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from amaranth.utils import bits_for

from gatewright_hw.parts.parameters import in_range

__all__ = ["POWER_ON_COUNTER", "PowerOnReset"]

POWER_ON_COUNTER = "power_on_cycles_left"
"""Name of the one register of all designs that rests on its initial value."""


class PowerOnReset(wiring.Component):
    """High for some cycles after the fabric was configured, then low.

    Its counter has its initial value from the fabric's configuration (UG574, "Control Signals": GSR).

    Parameters
    ----------
    cycles : 1..65535.

    Members
    -------
    reset : 1, out; does not reset the counter that it comes from.
    """

    def __init__(self, cycles: int = 255) -> None:
        self.cycles = in_range("PowerOnReset", "cycles", cycles, 1, 65535)
        super().__init__({"reset": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        left = Signal(bits_for(self.cycles), name=POWER_ON_COUNTER, init=self.cycles, reset_less=True)
        m.d.comb += self.reset.eq(left != 0)
        with m.If(self.reset):
            m.d.sync += left.eq(left - 1)
        return m
