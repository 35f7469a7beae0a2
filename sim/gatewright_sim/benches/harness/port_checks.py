"""What a general-purpose port leads to, register by register: bursts of every kind, and the interrupt controller."""

from __future__ import annotations

from cocotb.triggers import ClockCycles

from gatewright.spec.interrupt_controller import INTERRUPT_REGISTERS, interrupt_register
from gatewright.spec.registers import REGISTER_BYTES, REGISTERS, Access, constants, register
from gatewright_hw.bus.axi import BurstType, Resp
from gatewright_sim.benches.harness import gp_master
from gatewright_sim.benches.harness.board_driver import BoardDriver
from gatewright_sim.benches.harness.traffic import random_shape
from gatewright_sim.bursts import beat_addresses

__all__ = ["bursts_to_registers", "interrupts"]

BURSTS = 150
ACCESSES = 60
WORD = 4
EMPTY_PROGRAM = 200
"""Cycles in which a program of no commands ends."""
SETTLES = 4
"""Cycles in which an interrupt comes to the processor."""


async def bursts_to_registers(driver: BoardDriver) -> None:
    """Each beat of a burst reaches the register that it names and no other one, with the bytes that it names."""
    held = {entry.offset: 0 for entry in REGISTERS if entry.access is Access.RW}
    for offset in held:
        await driver.gp0.do(gp_master.Access(driver.board.registers_base + offset, beats=[(0, 15)]))
    known = {register(name).offset: value for name, value in constants(driver.config).items()}
    for number in range(BURSTS):
        burst = _burst_to(driver, int(driver.rng.choice([*held])))
        places = [place - driver.board.registers_base for place in beat_addresses(*burst)]
        if number % 2:
            access = await driver.gp0.do(gp_master.Access(*burst))
            for place, word in zip(places, access.data, strict=True):
                expected = (held | known).get(place // WORD * WORD)
                assert expected in (None, word), f"read {word:#x} at {place:#x}, which holds {expected:#x}: {access}"
        else:
            beats = [(int(driver.rng.integers(1 << 32)), _strobes(driver, place, burst[2])) for place in places]
            access = await driver.gp0.do(gp_master.Access(*burst, beats=beats, lead=int(driver.rng.integers(-8, 9))))
            for place, (value, strobes) in zip(places, beats, strict=True):
                _write(held, place // WORD * WORD, value, strobes)
        assert set(access.resp) == {Resp.OKAY}
    for offset, value in held.items():
        assert (await driver.gp0.do(gp_master.Access(driver.board.registers_base + offset))).data == [value]


def _burst_to(driver: BoardDriver, offset: int) -> tuple[int, int, int, int]:
    """Address, length, size and type of a legal burst in the register block, one of whose beats is at ``offset``."""
    rng = driver.rng
    kind, size, length = random_shape(rng)
    beat, block = 1 << size, length + 1 << size
    place = offset + (int(rng.integers(WORD)) if kind is not BurstType.WRAP else int(rng.integers(WORD)) // beat * beat)
    if kind is BurstType.WRAP:
        place = place // block * block + int(rng.integers(length + 1)) * beat
    elif kind is BurstType.INCR:
        place = min(max(place - int(rng.integers(length + 1)) * beat, 0), REGISTER_BYTES - block)
    return driver.board.registers_base + place, length, size, int(kind)


def _strobes(driver: BoardDriver, place: int, size: int) -> int:
    """Of a beat at ``place``: lanes that its size has, from its address on; none where a program would start."""
    if place // WORD * WORD == register("CONTROL").offset:
        return 0
    beat = 1 << size
    lanes = sum(1 << lane for lane in range(place % WORD, (place // beat * beat) % WORD + beat))
    return int(driver.rng.integers(16)) & lanes


def _write(held: dict[int, int], offset: int, value: int, strobes: int) -> None:
    if offset in held:
        mask = sum(0xFF << 8 * lane for lane in range(WORD) if strobes >> lane & 1)
        entry = next(entry for entry in REGISTERS if entry.offset == offset)
        held[offset] = (held[offset] & ~mask | value & mask) & entry.mask


async def interrupts(driver: BoardDriver) -> None:
    """The interrupt controller, with the accelerator's interrupt low and high, against a model of its registers."""
    base = driver.board.registers_base + driver.board.interrupt_controller_offset
    state = {"transparent": 1, "IER": 0, "MER": 0}
    for level in (1, 0, 1, 0):
        await driver.write("IRQ_STATUS", 1)
        await driver.write("IRQ_ENABLE", level)
        if level:
            await driver.start([], 0)
            await ClockCycles(driver.dut.clk, EMPTY_PROGRAM)
            assert await driver.read("IRQ_STATUS") == 1
        await _passes(driver, state, level)
        for _ in range(ACCESSES):
            entry = INTERRUPT_REGISTERS[driver.rng.integers(len(INTERRUPT_REGISTERS))]
            offset = entry.offset + int(driver.rng.choice([0, 0, 0, 0x20, 0x100, 0x800]))
            if driver.rng.integers(2):
                value, strobes = int(driver.rng.integers(1 << 32)), int(driver.rng.integers(16))
                access = await driver.gp0.do(gp_master.Access(base + offset, beats=[(value, strobes)]))
                if strobes & 1 and offset == entry.offset:
                    _control(state, entry.name, value)
            else:
                access = await driver.gp0.do(gp_master.Access(base + offset))
                expected = _shown(state, level).get(offset, 0)
                assert access.data == [expected], f"{entry.name} + {offset - entry.offset:#x}: {access}, {state}"
            assert access.resp == [Resp.OKAY]
            await _passes(driver, state, level)


async def _passes(driver: BoardDriver, state: dict[str, int], level: int) -> None:
    """Asserts that the processor sees the interrupt where it is to be passed on."""
    await ClockCycles(driver.dut.clk, SETTLES)
    passed = bool(state["transparent"] or (state["IER"] and state["MER"] == 3))
    assert int(driver.dut.irq.value) == (level and passed), f"irq, {state}"


def _control(state: dict[str, int], name: str, value: int) -> None:
    match name:
        case "IER":
            state["IER"] = value & 1
        case "SIE":
            state["IER"] |= value & 1
        case "CIE":
            state["IER"] &= ~value & 1
        case "MER":
            state["MER"] = value & 3
        case _:
            return
    state["transparent"] = 0


def _shown(state: dict[str, int], level: int) -> dict[int, int]:
    """What the registers hold, by offset."""
    status = level & state["MER"] >> 1
    values = {"ISR": status, "IPR": status & state["IER"], "IER": state["IER"], "MER": state["MER"]}
    return {interrupt_register(name).offset: value for name, value in values.items()}
