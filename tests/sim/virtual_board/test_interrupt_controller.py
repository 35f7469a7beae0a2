"""The interrupt controller: transparent until software speaks to it, then what PYNQ's interrupt.py expects."""

import pytest

from gatewright.spec.interrupt_controller import INTERRUPT_REGISTERS, interrupt_register
from gatewright.spec.registers import register
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.interrupt import InterruptLine
from gatewright_sim.virtual_board.interrupt_controller import InterruptController


class Bench:
    """A controller, with registers by name."""

    def __init__(self) -> None:
        self.line = InterruptLine()
        self.controller = InterruptController(self.line)

    def write(self, name: str, value: int) -> None:
        self.controller.write(interrupt_register(name).offset, value)

    def read(self, name: str) -> int:
        return self.controller.read(interrupt_register(name).offset)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("high", [True, False])
def test_it_is_transparent_after_a_reset(high: bool, bench: Bench) -> None:
    bench.write("IAR", 1)  # acknowledging is no set-up
    bench.controller.drive(high)
    assert bench.line.high is high


@pytest.mark.parametrize("name", ["IER", "SIE", "CIE", "MER"])
def test_software_that_speaks_to_it_decides(name: str, bench: Bench) -> None:
    bench.controller.drive(True)
    bench.write(name, 0)
    assert not bench.line.high
    bench.controller.reset()
    bench.controller.drive(True)
    assert bench.line.high


@pytest.mark.parametrize(("enabled", "master"), [(enabled, master) for enabled in (0, 1) for master in range(4)])
@pytest.mark.parametrize("high", [False, True])
def test_what_passes(enabled: int, master: int, high: bool, bench: Bench) -> None:
    bench.write("IER", enabled)
    bench.write("MER", master)
    bench.controller.drive(high)
    looks = master >> 1
    assert bench.read("ISR") == (high and looks)
    assert bench.read("IPR") == (high and looks and enabled)
    assert bench.read("IER") == enabled
    assert bench.read("MER") == master
    assert bench.line.high == bool(high and enabled and master == 3)


def test_bits_are_set_and_cleared(bench: Bench) -> None:
    for name, expected in [("SIE", 1), ("CIE", 0), ("SIE", 1)]:
        bench.write(name, 0)
        bench.write(name, 1)
        assert bench.read("IER") == expected


def test_other_offsets_are_0(bench: Bench) -> None:
    known = {entry.offset for entry in INTERRUPT_REGISTERS}
    for offset in set(range(-8, 0x400, 4)) - known:
        bench.controller.write(offset, 3)
        assert bench.controller.read(offset) == 0
    bench.controller.drive(True)
    assert bench.line.high


@pytest.mark.parametrize("through_controller", [False, True])
def test_the_shortest_program_raises_the_line(through_controller: bool, programmed: VirtualBoard) -> None:
    """Its end may fall into the very cycles in which the fabric is asked whether it is still busy."""
    base = programmed.board.registers_base
    if through_controller:
        for name, value in {"IER": 1, "MER": 3}.items():
            offset = programmed.board.interrupt_controller_offset + interrupt_register(name).offset
            programmed.write32(base + offset, value)
    for name, value in {"IRQ_ENABLE": 1, "PROGRAM_COUNT": 0, "CONTROL": 1}.items():
        programmed.write32(base + register(name).offset, value)
    assert programmed.wait_irq(30)
    programmed.write32(base + register("IRQ_STATUS").offset, 1)
    assert not programmed.line.high
