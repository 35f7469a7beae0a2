"""The fabric's reset: from a line of the processing system that may change at any time, or made where none is sure."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gatewright_hw.parts.parameters import in_range

__all__ = ["POWER_ON_COUNTER", "PowerOnReset", "SynchronisedReset"]

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


class SynchronisedReset(wiring.Component):
    """High as soon as ``resetn`` is low, and low with the clock when it is high again.

    As Amaranth's ``ResetSynchronizer``, with registers that carry ASYNC_REG: Vivado then keeps them side by side, so
    that an unstable one has the whole period to settle (UG912, "ASYNC_REG"; UG949, "Synchronous and Asynchronous
    Resets"). Other tools pass over the attribute.

    Parameters
    ----------
    stages : registers in a row, 2..8.

    Members
    -------
    resetn : 1, in; at any time.
    reset : 1, out.
    """

    def __init__(self, stages: int = 3) -> None:
        self._stages = in_range("SynchronisedReset", "stages", stages, 2, 8)
        super().__init__({"resetn": In(1), "reset": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.domains.raw = ClockDomain(async_reset=True, local=True)
        m.d.comb += [ClockSignal("raw").eq(ClockSignal()), ResetSignal("raw").eq(~self.resetn)]
        attribute = {"ASYNC_REG": "TRUE"}
        stages = [Signal(name=f"stage_{i}", init=1, attrs=attribute) for i in range(self._stages)]
        for before, after in zip((0, *stages), stages, strict=False):
            m.d.raw += after.eq(before)
        m.d.comb += self.reset.eq(stages[-1])
        return m
