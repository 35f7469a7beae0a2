"""The top with engines that only copy, seen through its register port: every register, accesses that overlap, and the
interrupt in the very cycle in which something happens to it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from cocotb import start_soon
from cocotb.triggers import ClockCycles
from cocotb.utils import get_sim_time

from gatewright.spec.commands import AGGREGATE
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import REGISTER_BYTES, REGISTERS, Access, constants, register
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.copies import OK, PROGRAM, copy, start, works
from gatewright_sim.benches.harness.lite_watch import LiteWatch
from gatewright_sim.benches.harness.pauses import ALONE, REGIMES, Pauses, Stalls
from gatewright_sim.benches.harness.top_driver import CLOCK_NS, TopDriver

__all__ = ["TABLE"]

CONFIG = get_config("tiny")
WRITABLE = tuple(entry for entry in REGISTERS if entry.access is Access.RW)
BY_OFFSET = {entry.offset: entry for entry in REGISTERS}

TABLE = Table(start)


async def contents(driver: TopDriver) -> dict[int, int]:
    """Every word of the block, by offset."""
    block = await driver.read_bytes(0, REGISTER_BYTES)
    return {at: int.from_bytes(block[at : at + 4], "little") for at in range(0, REGISTER_BYTES, 4)}


@TABLE.case()
async def every_bit_of_every_register(driver: TopDriver) -> None:
    for name, value in constants(CONFIG).items():
        assert await driver.read(name) == value
    for entry in WRITABLE:
        assert await driver.read(entry.name) == 0
        for value in (*(1 << bit for bit in range(32)), 0xFFFF_FFFF, 0x1234_5678, 0):
            await driver.write(entry.name, value)
            assert await driver.read(entry.name) == value & entry.mask


@TABLE.case()
async def a_write_changes_the_bytes_that_are_enabled(driver: TopDriver) -> None:
    spans = [(first, last) for first, last in product(range(4), repeat=2) if first <= last]
    for entry, (first, last), _ in product(WRITABLE, spans, range(8)):
        expected, changed = bytearray(driver.rng.bytes(4)), driver.rng.bytes(last + 1 - first)
        await driver.write(entry.name, int.from_bytes(expected, "little"))
        await driver.write_bytes(entry.offset + first, changed)
        expected[first : last + 1] = changed
        assert await driver.read(entry.name) == int.from_bytes(expected, "little") & entry.mask
    control, status = register("CONTROL").offset, register("IRQ_STATUS").offset
    assert await driver.run([copy()], PROGRAM) == OK
    await driver.write_bytes(status + 1, b"\xff\xff\xff")
    await driver.write_bytes(control + 1, b"\xff\xff\xff")
    await ClockCycles(driver.dut.clk, 4)
    assert (await driver.read("STATUS"), await driver.read("IRQ_STATUS")) == (0b010, 1)


@TABLE.case()
async def only_what_can_be_written_changes(driver: TopDriver) -> None:
    """After a program that ended by an error at its third command, hence with registers that hold something: ones and
    zeros to each word that is none, constant or read only, and what they hold stays; no word answers for another."""
    wrong = copy(AGGREGATE, beats=3, cols=ErrorCode.BAD_INDEX << 24)
    assert (await driver.run([copy(), copy(), wrong], PROGRAM)).index == 2
    before = await contents(driver)
    assert {at: value for at, value in before.items() if at not in BY_OFFSET and value} == {}
    holding = {BY_OFFSET[at].name for at, value in before.items() if value}
    assert {"ERROR", "ERROR_INDEX", "COMMAND_INDEX", "CYCLES", "CYCLES_AGGREGATE", "COMMANDS_GEMM"} <= holding
    kept = [at for at in before if at not in BY_OFFSET or BY_OFFSET[at].access in (Access.CONSTANT, Access.RO)]
    for word in (b"\xff\xff\xff\xff", bytes(4)):
        for task in [start_soon(driver.write_bytes(at, word)) for at in kept]:
            await task
        assert await contents(driver) == before
    for entry, value in zip(WRITABLE, (0x1000, 7, 1, 0x0F0F_0F0F), strict=True):
        await driver.write(entry.name, value)
        before[entry.offset] = value
        assert await contents(driver) == before
    await driver.write("WATCHDOG", 0)
    await works(driver)


def regimes() -> Iterator[Stalls]:
    yield from (*REGIMES, *ALONE, Stalls(Pauses(1.0, 3), only="b"), Stalls(Pauses(1.0, 3), only="r"))


@TABLE.case()
async def accesses_overlap(driver: TopDriver) -> None:
    """A master that asks again before it has been answered, on channels that each go their own way: every write and
    read is answered once, and takes its effect in the order of its channel."""
    rng, watch = driver.rng, LiteWatch(driver.dut)
    names = [entry.name for entry in WRITABLE if not entry.fields]
    issued = dict.fromkeys(names, 0)
    known = dict.fromkeys(names, 0)  # written, and that was answered

    async def write(name: str, value: int) -> None:
        await driver.write(name, value)
        known[name] = max(known[name], value)

    async def read(name: str) -> None:
        least = known[name]
        assert least <= await driver.read(name) <= issued[name]

    for regime in regimes():
        driver.hold(regime)
        for name in names:
            issued[name] = known[name] = 0
            await driver.write(name, 0)
        tasks = []
        for _ in range(30):
            name = names[rng.integers(len(names))]
            if rng.integers(2):
                issued[name] += 1 + int(rng.integers(1 << 24))
                tasks.append(start_soon(write(name, issued[name])))
            else:
                tasks.append(start_soon(read(name)))
            if rng.integers(4) == 0:
                await ClockCycles(driver.dut.clk, int(rng.integers(1, 12)))
        for task in tasks:
            await task
        for name in names:
            assert await driver.read(name) == issued[name]
        assert watch.all_answered()
    assert watch.overlaps == {"ar", "aw", "w"}
    driver.hold(REGIMES[0])
    await driver.write("WATCHDOG", 0)
    await works(driver)


@TABLE.case()
async def an_access_takes_two_cycles(driver: TopDriver) -> None:
    """With a master that asks again at once and takes its answers at once; 12 cycles are the master's own."""
    for access in (lambda: driver.read("WATCHDOG"), lambda: driver.write("WATCHDOG", 3)):
        begin = get_sim_time("ns")
        for task in [start_soon(access()) for _ in range(100)]:
            await task
        cycles = (get_sim_time("ns") - begin) / CLOCK_NS
        assert cycles <= 2 * 100 + 12


@TABLE.case()
async def interrupts(driver: TopDriver) -> None:
    await driver.start([copy()], PROGRAM)
    await driver.write("IRQ_ENABLE", 0)
    await ClockCycles(driver.dut.clk, 300)
    assert await driver.outcome() == OK
    assert not int(driver.dut.irq.value)
    for enable, clear, pending in ((0, None, 1), (1, None, 1), (1, 0, 1), (0, 0xFFFF_FFFE, 1), (1, 1, 0), (1, 1, 0)):
        await driver.write("IRQ_ENABLE", enable)
        if clear is not None:
            await driver.write("IRQ_STATUS", clear)
        await ClockCycles(driver.dut.clk, 3)
        assert int(driver.dut.irq.value) == pending & enable
        assert await driver.read("IRQ_STATUS") == pending
    await driver.run([copy()], PROGRAM)
    await driver.soft_reset()
    assert not int(driver.dut.irq.value)


@TABLE.case()
async def an_interrupt_in_the_cycle_of_its_clearing_stays(driver: TopDriver) -> None:
    """Cleared in each cycle about the one in which a program ends, whatever it ends by: what came before is gone, what
    comes with the clearing or after it stays."""
    watch, sets = LiteWatch(driver.dut), 2  # cycles from the setting of the bit to irq
    offset = {name: register(name).offset for name in ("CONTROL", "IRQ_STATUS")}

    async def run(program: list[bytes], watchdog: int, wait: int | None) -> tuple[int, int, bool]:
        """The cycles from the start to the last clearing and to irq, and whether the interrupt is pending at the
        end."""
        await driver.start(program, PROGRAM, watchdog)
        if wait is not None:
            await ClockCycles(driver.dut.clk, wait)
            await driver.write("IRQ_STATUS", 1)
        await ClockCycles(driver.dut.clk, 120)
        begin = max(cycle for cycle, address in watch.writes if address == offset["CONTROL"])
        clear = max(cycle for cycle, address in watch.writes if address == offset["IRQ_STATUS"])
        pending = bool(await driver.read("IRQ_STATUS"))
        if watchdog:
            await driver.soft_reset()
        return clear - begin, watch.irq_rises[-1] - begin if watch.irq_rises else 0, pending

    bad, wrong = bytes(64), copy(AGGREGATE, beats=1, cols=ErrorCode.BAD_INDEX << 24)
    for program, watchdog in (([copy(beats=1)], 0), ([copy(beats=1)] * 2, 0), ([bad], 0), ([wrong], 0), ([copy()], 20)):
        _, rises, pending = await run(program, watchdog, None)
        assert pending
        end, seen = rises - sets, set()
        for wait in range(max(0, end - 9), end + 2):
            clear, _, pending = await run(program, watchdog, wait)
            assert pending == (clear <= end), f"cleared {clear} cycles after the start, ended after {end}"
            seen.add(clear - end)
        assert {-1, 0, 1} <= seen


@TABLE.case()
async def a_start_right_behind_a_reset(driver: TopDriver) -> None:
    """From a reset that finds the bus at rest to a start in each of the next cycles: it is taken from the first cycle
    on in which the reset is over."""
    over, seen = 3, set()
    watch = LiteWatch(driver.dut)
    assert await driver.run([copy(beats=1)], PROGRAM) == OK
    for wait in range(10):
        writes = [start_soon(driver.control("reset"))]
        await ClockCycles(driver.dut.clk, wait)
        writes.append(start_soon(driver.control("start")))
        for write in writes:
            await write
        await ClockCycles(driver.dut.clk, 100)
        (reset, _), (begin, _) = watch.writes[-2:]
        seen.add(begin - reset)
        assert await driver.read("STATUS") == (0b010 if begin - reset >= over else 0), f"{begin - reset} cycles later"
        assert await driver.read("IRQ_STATUS") == (begin - reset >= over)
    assert {over - 1, over, over + 1} <= seen
