# amaranth: UnusedElaboratable=no

"""Registers inside of components are found by their names, below conditions and beside state machines."""

from typing import Any

import pytest
from amaranth.hdl import Fragment, Module, Signal

from gatewright_hw.parts.stream_register import StreamRegister
from gatewright_sim.formal.internals import opened, register


def _module() -> Module:
    m = Module()
    left, twice, other = Signal(4, name="left"), Signal(name="twice"), Signal(name="twice")
    with m.FSM(), m.State("COUNT"), m.If(left != 0):
        m.d.sync += left.eq(left - 1)
        with m.If(left == 1):
            m.next = "COUNT"
    m.d.comb += [twice.eq(1), other.eq(0)]
    return m


def test_a_register_below_conditions_is_found() -> None:
    assert len(register(_module(), "left")) == 4


@pytest.mark.parametrize(("name", "count"), [("nothing", 0), ("twice", 2)])
def test_a_name_that_is_not_one_signals_is_refused(name: str, count: int) -> None:
    with pytest.raises(LookupError, match=f"{count} signals are called '{name}', needed: one"):
        register(_module(), name)


def test_what_was_opened_is_what_is_elaborated() -> None:
    part: Any = StreamRegister(3)
    module = opened(part)
    assert part.elaborate(None) is module
    assert register(module, "spare_valid") is register(part.elaborate(None), "spare_valid")
    assert Fragment.get(part, None).statements
