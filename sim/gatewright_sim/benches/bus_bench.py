"""The top with engines that only copy: what crosses its memory port, burst by burst. The model of the memory holds each
burst to AXI's rules."""

from __future__ import annotations

from itertools import product

from cocotb.triggers import ClockCycles

from gatewright.spec.commands import AGGREGATE, COMMANDS, GEMM, VECTOR
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.axi import Resp
from gatewright_hw.bus.ports import BEATS_BITS
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.copies import OK, PROGRAM, SOURCE, TARGET, copy, inverted, start, works
from gatewright_sim.benches.harness.pauses import ALONE, FREE, LATE, REGIMES
from gatewright_sim.benches.harness.program_driver import Outcome
from gatewright_sim.benches.harness.top_driver import TopDriver

__all__ = ["TABLE"]

LENGTHS = (1, 2, MAX_BURST_BEATS - 1, MAX_BURST_BEATS, MAX_BURST_BEATS + 1, 2 * MAX_BURST_BEATS + 1)
ONE_OF_EACH_ENGINE = (GEMM, AGGREGATE, VECTOR)
MOST_OPEN = 32
"""Bursts that the accelerator has open in a direction (AxiMaster)."""

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
async def addresses_anywhere(driver: TopDriver) -> None:
    """Each bit of an address beside every other one, high and low, for each engine and for programs; each burst goes
    where it is to go."""
    rng = driver.rng
    seen: list[tuple[str, int, int]] = []
    driver.ram.on_burst = lambda *burst: seen.append(burst)
    for spec, _ in product(ONE_OF_EACH_ENGINE, range(30)):
        # Of the memory, which repeats, the program has the first quarter, the source the second, the target the rest.
        program, source, target = (int(rng.integers(1 << 16)) << 16 for _ in range(3))
        program += BUS_BYTES * int(rng.integers(0x3000 // BUS_BYTES))
        source += 0x4000 + BUS_BYTES * int(rng.integers(0x3000 // BUS_BYTES))
        target += 0x8000 + BUS_BYTES * int(rng.integers(0x7000 // BUS_BYTES))
        beats = int(rng.integers(1, 80))
        data = driver.ram.read(source, BUS_BYTES * beats)
        before = driver.ram.read(0x8000, 0x8000)
        seen.clear()
        assert await driver.run([copy(spec, source, target, beats)], program) == OK
        place, end = target % 0x8000, target % 0x8000 + BUS_BYTES * beats
        assert driver.ram.read(0x8000, 0x8000) == before[:place] + inverted(data) + before[end:]
        reads, writes = bursts_of(program, COMMAND_BYTES) + bursts_of(source, len(data)), bursts_of(target, len(data))
        assert [burst for burst in seen if burst[0] == "ar"] == [("ar", *burst) for burst in reads]
        assert [burst for burst in seen if burst[0] == "aw"] == [("aw", *burst) for burst in writes]
    driver.ram.on_burst = None


def bursts_of(place: int, size: int) -> list[tuple[int, int]]:
    """Byte address and beats of the bursts of a transfer: each ends where a line of 16 beats does."""
    line = BUS_BYTES * MAX_BURST_BEATS
    starts = [place, *range((place // line + 1) * line, place + size, line)]
    ends = [*starts[1:], place + size]
    return [(start, (end - start) // BUS_BYTES) for start, end in zip(starts, ends, strict=True)]


@TABLE.case()
async def answers_to_writes_that_come_late(driver: TopDriver) -> None:
    """However many bursts wait for their answers, up to as many as may be open: the command ends with the last of
    these, and nothing of it is left for the next one."""
    taken: list[str] = []
    driver.ram.on_burst = lambda channel, *_: taken.append(channel)
    for spec, bursts in product(ONE_OF_EACH_ENGINE, (1, 2, 4, 8, 16, MOST_OPEN - 1, MOST_OPEN, MOST_OPEN + 3)):
        taken.clear()
        driver.ram.hang("b")
        await driver.start([copy(spec, beats=bursts * MAX_BURST_BEATS, target=0x9000)], PROGRAM)
        await ClockCycles(driver.dut.clk, 2 * bursts * MAX_BURST_BEATS + 100)
        assert taken.count("aw") == min(bursts, MOST_OPEN)
        assert await driver.outcome() == Outcome(1, 0, ErrorCode.NONE, 0, 0)
        driver.ram.flow()
        assert await driver.wait() == OK
        assert taken.count("aw") == bursts
        await works(driver, spec)
    driver.ram.on_burst = None


@TABLE.case()
async def a_transfer_of_many_beats(driver: TopDriver) -> None:
    """Each bit of its length: it goes on, burst after burst, until it is stopped."""
    seen: list[tuple[str, int, int]] = []
    driver.ram.on_burst = lambda *burst: seen.append(burst)
    for spec, bit in product(ONE_OF_EACH_ENGINE, range(8, BEATS_BITS)):
        seen.clear()
        place, size = 0x1_9000, BUS_BYTES << bit
        await driver.start([copy(spec, SOURCE, place, 1 << bit)], PROGRAM)
        await ClockCycles(driver.dut.clk, 150)
        assert (await driver.outcome()).busy
        await driver.soft_reset()
        writes = [burst[1:] for burst in seen if burst[0] == "aw"]
        assert len(writes) > 4
        assert writes == bursts_of(place, size)[: len(writes)]
    driver.ram.on_burst = None
    await works(driver)


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
