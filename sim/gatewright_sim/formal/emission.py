"""A harness, and its text in RTLIL, which Yosys reads."""

from __future__ import annotations

from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Module, ShapeLike, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

__all__ = ["TOP", "Harness", "to_rtlil"]

TOP = "harness"


class Harness(wiring.Component):
    """A part, with properties (``Assert``) about it under assumptions (``Assume``).

    Parameters
    ----------
    part : the component. Its inputs take any value in any cycle, unless the harness drives or restricts them.
    free : shapes of further inputs, by name, which take any value as well.
    """

    invariants = True
    """Whether to assert also what is true of the part's inside. An induction needs that; a bug must be found without
    it, by what a user of the part sees."""

    def __init__(self, part: Any, **free: ShapeLike) -> None:
        self.part = part
        super().__init__({name: In(shape) for name, shape in free.items()})


def to_rtlil(harness: Harness) -> str:
    """``harness`` as the module TOP.

    Runs begin with what the reset leaves, and have no other reset: what the proofs speak of is a design at work.
    """
    m = Module()
    m.domains.sync = sync = ClockDomain(reset_less=True)
    m.submodules.harness = harness
    m.submodules.part = harness.part
    ports = {"clk": (sync.clk, None)}
    for prefix, component in (("", harness), ("part_", harness.part)):
        for path, member, value in component.signature.flatten(component):
            if member.flow is wiring.In:  # an output, where the harness drives it
                ports[prefix + "_".join(map(str, path))] = (Value.cast(value), None)
    return str(rtlil.convert(m, name=TOP, ports=ports))
