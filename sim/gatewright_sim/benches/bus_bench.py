"""The top with engines that only copy: what crosses its memory port, burst by burst. The model of the memory holds each
burst to AXI's rules."""

from __future__ import annotations

from itertools import product

from gatewright.spec.commands import COMMANDS, VECTOR
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.axi import Resp
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.copies import OK, PROGRAM, SOURCE, TARGET, copy, inverted, start, works
from gatewright_sim.benches.harness.pauses import ALONE, FREE, LATE, REGIMES
from gatewright_sim.benches.harness.program_driver import Outcome
from gatewright_sim.benches.harness.top_driver import TopDriver

__all__ = ["TABLE"]

LENGTHS = (1, 2, MAX_BURST_BEATS - 1, MAX_BURST_BEATS, MAX_BURST_BEATS + 1, 2 * MAX_BURST_BEATS + 1)

TABLE = Table(start)


async def copied(driver: TopDriver, source: int, target: int, beats: int) -> None:
    """A copy moves just its beats, each once, between addresses below 64 KiB."""
    size = BUS_BYTES * beats
    before = driver.ram.read(target - 64, size + 128)
    data = driver.ram.read(source, size)
    assert await driver.run([copy(VECTOR, source, target, beats)], PROGRAM) == OK
    assert driver.ram.read(target - 64, size + 128) == before[:64] + inverted(data) + before[64 + size :]
    assert await driver.read("READ_BEATS") == beats + 8
    assert await driver.read("WRITE_BEATS") == beats


@TABLE.case()
async def bursts_about_a_page(driver: TopDriver) -> None:
    """Transfers that end before, at and behind a multiple of 4 KiB, and those that begin there."""
    page = 0x9000
    for beats, beyond in product(LENGTHS, (-1, 0, 1)):
        await copied(driver, SOURCE, page - BUS_BYTES * (beats + beyond), beats)
        await copied(driver, page - BUS_BYTES * (beats + beyond), 0x4000, beats)
    for beats, before in product((1, MAX_BURST_BEATS + 1), (0, 1, MAX_BURST_BEATS)):
        await copied(driver, SOURCE, page - BUS_BYTES * before, beats)


@TABLE.case()
async def a_program_about_a_page(driver: TopDriver) -> None:
    """Commands that lie about a multiple of 4 KiB at each place that the bus allows."""
    for place in range(0x5000 - 72, 0x5000 + 16, 8):
        assert await driver.run([copy(beats=1), copy(beats=2)], place) == OK
        assert await driver.read("READ_BEATS") == 2 * 8 + 3


@TABLE.case()
async def every_bit_of_an_address(driver: TopDriver) -> None:
    """Programs and operands of several bursts anywhere in 4 GiB, of which the memory is 64 KiB over and over."""
    seen: list[int] = []
    driver.ram.on_burst = lambda _, address, __: seen.append(address)
    beats, line = MAX_BURST_BEATS + 2, BUS_BYTES * MAX_BURST_BEATS
    for bit in range(16, 32):
        for program, source, target in ((1 << bit, 0, 0), (0, 1 << bit, 0), (0, 0, 1 << bit)):
            seen.clear()
            driver.ram.write(TARGET, bytes(BUS_BYTES * beats))
            commands = [copy(VECTOR, source + SOURCE, target + TARGET, beats), copy(beats=1, target=0x9000)]
            assert await driver.run(commands, program + PROGRAM) == OK
            of_copies = [place + step for place in (source + SOURCE, target + TARGET) for step in (0, line)]
            of_program = [program + PROGRAM, program + PROGRAM + COMMAND_BYTES]
            assert sorted(seen) == sorted([*of_program, *of_copies, SOURCE, 0x9000])
            assert driver.ram.read(TARGET, BUS_BYTES * beats) == inverted(driver.ram.read(SOURCE, BUS_BYTES * beats))
    driver.ram.on_burst = None


@TABLE.case()
async def an_error_at_each_beat(driver: TopDriver) -> None:
    """Wherever in its bursts a transfer meets an error, the command ends with it, the beats beside it are moved, and
    nothing of it is left for the next one."""
    beats = 2 * MAX_BURST_BEATS + 2
    for number, (beat, direction) in enumerate(product(range(beats), ("read", "write"))):
        response = (Resp.SLVERR, Resp.DECERR)[number // 2 % 2]
        place = (SOURCE if direction == "read" else TARGET) + BUS_BYTES * (beat + 1)
        driver.ram.write(TARGET, bytes(BUS_BYTES * (beats + 2)))
        driver.ram.fail(direction, response, range(place, place + BUS_BYTES))
        program = [copy(VECTOR, SOURCE + BUS_BYTES, TARGET + BUS_BYTES, beats), copy()]
        code = ErrorCode[f"{direction.upper()}_{response.name}"]
        assert await driver.run(program, PROGRAM) == Outcome(0, 1, code, 0, 0)
        expected = bytearray(bytes(BUS_BYTES) + inverted(driver.ram.read(SOURCE + BUS_BYTES, BUS_BYTES * beats)))
        hole = slice(BUS_BYTES * (beat + 1), BUS_BYTES * (beat + 2))
        expected[hole] = (b"\xff" if direction == "read" else b"\0") * BUS_BYTES
        assert driver.ram.read(TARGET, BUS_BYTES * (beats + 2)) == expected + bytes(BUS_BYTES)
        driver.ram.fail(direction, Resp.OKAY)
    await works(driver)


@TABLE.case()
async def of_several_errors_the_first_kind_is_named(driver: TopDriver) -> None:
    """Reads before writes, a slave's before a decoder's, wherever each of them was."""
    places = {"read": SOURCE, "write": TARGET}
    order = [(direction, response) for direction in places for response in (Resp.SLVERR, Resp.DECERR)]
    for chosen in range(1, 1 << len(order)):
        errors = [error for bit, error in enumerate(order) if chosen >> bit & 1]
        for direction, response in errors:
            beat = 3 if response is Resp.SLVERR else 40  # the one that is named comes first, or in a later burst
            place = places[direction] + BUS_BYTES * ((43 - beat) if chosen & 1 else beat)
            driver.ram.fail(direction, response, range(place, place + BUS_BYTES))
        direction, response = errors[0]
        outcome = await driver.run([copy(VECTOR, beats=64)], PROGRAM)
        assert outcome.code is ErrorCode[f"{direction.upper()}_{response.name}"]
        for direction in places:
            driver.ram.fail(direction, Resp.OKAY)
        await works(driver)


@TABLE.case()
async def each_channel_alone(driver: TopDriver) -> None:
    """Long copies while one channel is held back, or all, or the memory is late: bursts of both directions are in
    flight, as many as may be."""
    for regime in (FREE, LATE, *REGIMES[1:], *ALONE):
        driver.ram.stall(driver.rng, regime)
        for beats in (LENGTHS[-1], 300):
            await copied(driver, SOURCE, 0x9008, beats)


@TABLE.case()
async def many_commands(driver: TopDriver) -> None:
    """More than eight bits count."""
    specs = list(COMMANDS.values())
    program = [copy(specs[number % len(specs)], beats=1) for number in range(260)]
    assert await driver.run(program, 0x9000, cycles=40_000) == OK
    assert [await driver.read(f"COMMANDS_{spec.engine.upper()}") for spec in specs] == [65] * 4
    assert await driver.read("COMMAND_INDEX") == 259
    for index in (255, 256):
        outcome = await driver.run([*program[:index], bytes(64)], 0x9000, cycles=40_000)
        assert outcome == Outcome(0, 1, ErrorCode.BAD_OPCODE, 0, index)
