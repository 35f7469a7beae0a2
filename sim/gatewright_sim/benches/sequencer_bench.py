"""The top with engines that only copy: registers, programs, commands that are refused, interrupts."""

from __future__ import annotations

from itertools import product

from cocotb.triggers import ClockCycles

from gatewright.spec.commands import (
    AGGREGATE,
    ATTENTION,
    COMMANDS,
    FLAGS_BITS,
    FLAGS_LSB,
    GEMM,
    OPCODE_BITS,
    VECTOR,
    GemmFlags,
    Kind,
    check,
)
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES, MAX_BURST_BEATS
from gatewright.spec.registers import ENGINES
from gatewright_hw.bus.axi import Resp
from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.benches.harness.copies import OK, PROGRAM, SOURCE, TARGET, VALID, copy, inverted, start, works
from gatewright_sim.benches.harness.copy_engine import HASTE
from gatewright_sim.benches.harness.pauses import FREE, LATE, REGIMES, Stalls
from gatewright_sim.benches.harness.program_driver import Outcome
from gatewright_sim.benches.harness.top_driver import TopDriver

__all__ = ["TABLE"]

CONFIG = get_config("tiny")

CYCLES = {
    FREE: {1: 46, 2: 48, MAX_BURST_BEATS: 76, MAX_BURST_BEATS + 1: 77, 2 * MAX_BURST_BEATS + 1: 93, 300: 360},
    LATE: {1: 166, 2: 168, MAX_BURST_BEATS: 196, MAX_BURST_BEATS + 1: 197, 2 * MAX_BURST_BEATS + 1: 215, 300: 760},
}
"""Of a program of one copy, by its beats: a burst is written when it has been read whole, while the next one is read.
"""
TELLS = 1 << 23
"""In word 7: a CopyEngine writes its command."""
HASTY = 1 << 22
"""In word 7: a CopyEngine does not wait for the memory."""
BETWEEN, REFUSED = 23, 21
"""Cycles of a command beside those of its engine, and of one that is refused, but for the memory's latency."""

TABLE = Table(start)


@TABLE.case()
async def a_program_runs_in_order_and_is_counted(driver: TopDriver) -> None:
    data = driver.ram.read(SOURCE, 8 * 40)
    program = [
        copy(GEMM, SOURCE, TARGET, 40),
        copy(AGGREGATE, TARGET, TARGET + 0x1000, 17),  # needs what the first one wrote
        copy(ATTENTION, TARGET + 0x1000, TARGET + 0x2000, 5),
        copy(VECTOR, TARGET + 0x2000, TARGET + 0x3000, 1),
    ]
    for addr in (PROGRAM, 0x4FC8):  # the second program crosses a page within a command
        driver.ram.write(TARGET, bytes(0x4000))
        assert await driver.run(program, addr) == OK
        assert driver.ram.read(TARGET, 8 * 41) == inverted(data) + bytes(8)
        assert driver.ram.read(TARGET + 0x1000, 8 * 18) == data[: 8 * 17] + bytes(8)
        assert driver.ram.read(TARGET + 0x2000, 8 * 6) == inverted(data[: 8 * 5]) + bytes(8)
        assert driver.ram.read(TARGET + 0x3000, 16) == data[:8] + bytes(8)
        assert [await driver.read(f"COMMANDS_{name.upper()}") for name in ENGINES] == [1, 1, 1, 1]
        assert await driver.read("READ_BEATS") == 4 * 8 + 63
        assert await driver.read("WRITE_BEATS") == 63
        assert await driver.read("COMMAND_INDEX") == 3
        cycles = [await driver.read(f"CYCLES_{name.upper()}") for name in ENGINES]
        assert cycles[0] > 40
        assert cycles[2] > 18
        total = await driver.read("CYCLES")
        assert sum(cycles) < total < sum(cycles) + 4 * 100
        await ClockCycles(driver.dut.clk, 50)
        assert await driver.read("CYCLES") == total


def faulty_commands() -> list[bytes]:
    """Every way in which the contract's tables refuse a command: each bit of an opcode, each flag bit, each field's
    limits, each bit above them."""
    near = {opcode ^ 1 << bit for opcode in COMMANDS for bit in range(OPCODE_BITS)} - COMMANDS.keys()
    opcodes = sorted({0, max(COMMANDS) + 1, 0xFF, *near})
    bad = [bytes(64), *(bytes([opcode]) + copy()[1:] for opcode in opcodes)]
    for spec in COMMANDS.values():
        undefined = [1 << bit for bit in range(8) if not spec.flags_mask(CONFIG) >> bit & 1]
        bad += [copy(spec, flags=flags | VALID[spec][0]) for flags in undefined]
        for field in spec.fields:
            if field.kind in (Kind.ADDRESS, Kind.STRIDE):
                bad += [copy(spec, **{field.name: value}) for value in (1, 2, 4, 0xFFFF_FFFC)]
            elif field.kind is Kind.SIZE:
                limit = field.maximum(CONFIG)
                values = [0] + ([limit + 1] if field.limit else [])
                values += [1 << bit for bit in range(limit.bit_length(), field.width)]
                values += [field.multiple + 1] if field.multiple > 1 else []
                bad += [copy(spec, **{field.name: value}) for value in values if value < 1 << field.width]
            elif field.kind is Kind.CHOICE:
                bad += [copy(spec, **{field.name: value}) for value in range(field.most + 1, 1 << field.width)]
    bad.append(copy(GEMM, flags=0))
    bad.append(copy(GEMM, flags=GemmFlags.PARAMS | GemmFlags.OUT_INT32 | GemmFlags.OUT_INT16))
    bad.append(copy(GEMM, flags=GemmFlags.A_RESIDENT | GemmFlags.B_KN))
    bad.append(copy(GEMM, flags=GemmFlags.PARAMS | GemmFlags.EPILOGUE))
    bad.append(copy(GEMM, flags=GemmFlags.PARAMS | GemmFlags.OUT_INT16 | GemmFlags.PER_COLUMN))
    for n in (CONFIG.array_cols - 1, CONFIG.array_cols + 4, CONFIG.max_columns + CONFIG.array_cols, 1 << 23):
        bad.append(copy(GEMM, flags=GemmFlags.PARAMS | GemmFlags.OUT_INT16 | GemmFlags.EPILOGUE, n=n))
    bad.append(copy(AGGREGATE, flags=3, x_addr=1, rows=0))  # several faults: the first one counts
    bad.append(copy(ATTENTION, q_addr=4, seq_q=0))
    return bad


@TABLE.case()
async def a_bad_command_stops_the_program_as_the_contract_says(driver: TopDriver) -> None:
    commands = faulty_commands()
    seen = set()
    for number, bad in enumerate(commands):
        code, detail = check(bad, CONFIG)
        assert code is not ErrorCode.NONE
        seen.add(code)
        before = number % 3
        driver.ram.write(TARGET, bytes(64))
        outcome = await driver.run([copy(beats=1)] * before + [bad, copy(beats=2)], PROGRAM)
        assert outcome == Outcome(0, 1, code, detail, before), f"{bad.hex()}: {outcome}"
        assert driver.ram.read(TARGET + 8, 8) == bytes(8), "a command after the bad one ran"
        assert await driver.read("COMMANDS_GEMM") == before
        assert await driver.read("COMMAND_INDEX") == before
    assert seen == {ErrorCode.BAD_OPCODE, ErrorCode.BAD_FLAGS, ErrorCode.UNALIGNED, ErrorCode.BAD_SHAPE}
    await works(driver)


@TABLE.case()
async def sizes_at_their_limit_are_taken(driver: TopDriver) -> None:
    for spec in COMMANDS.values():
        limits = {field.name: field.maximum(CONFIG) for field in spec.fields if field.limit and field.word != 6}
        values = limits | {field.name: 0xFFFF_FFF8 for field in spec.fields if field.kind is Kind.STRIDE}
        values |= {field.name: field.range[1] for field in spec.fields if field.kind is Kind.PLAIN}
        values |= {field.name: field.most for field in spec.fields if field.kind is Kind.CHOICE}
        legal = [flags for flags in range(1 << FLAGS_BITS) if not spec.bad_flags(flags, CONFIG)]
        for flags in legal:
            if any(flags & others == flags != others for others in legal):
                continue  # fewer than there may be
            command = copy(spec, beats=CONFIG.array_cols, **values, flags=flags)
            assert check(command, CONFIG) == (ErrorCode.NONE, 0)
            assert await driver.run([command], PROGRAM) == OK
    widest = GemmFlags.PARAMS | GemmFlags.OUT_INT16 | GemmFlags.EPILOGUE
    assert await driver.run([copy(GEMM, flags=widest, n=CONFIG.max_columns)], PROGRAM) == OK


@TABLE.case()
async def an_engine_gets_every_bit_of_its_command(driver: TopDriver) -> None:
    """Those of no field, too, beside every other one, high and low; and its error comes back whole."""
    errors = list(ErrorCode)
    for number in range(60):
        words = driver.rng.integers(1 << 32, size=COMMAND_BYTES // 4, dtype="u4")
        words[0] = words[0] & 0xFFFF_0000 | AGGREGATE.flags_mask(CONFIG) << FLAGS_LSB | AGGREGATE.opcode
        words[1:6] &= -BUS_BYTES & 0xFFFF_FFFF
        words[10:12] &= -BUS_BYTES & 0xFFFF_FFFF
        words[3] = words[3] & 0xFFFF_8000 | TARGET
        words[6] = COMMAND_BYTES // BUS_BYTES
        words[7] = words[7] & 0x7F_FFFF | TELLS | errors[number % len(errors)] << 24
        words[9] = words[9] & 0xFFFF_0000 | CONFIG.max_features
        command = words.tobytes()
        assert check(command, CONFIG) == (ErrorCode.NONE, 0)
        code = errors[number % len(errors)]
        outcome = OK if code is ErrorCode.NONE else Outcome(0, 1, code, 0, 0)
        assert await driver.run([command], PROGRAM) == outcome
        assert driver.ram.read(TARGET, COMMAND_BYTES) == command


@TABLE.case()
async def a_command_ends_when_the_memory_has_answered(driver: TopDriver) -> None:
    """Though its engine was done long before; and a bad answer is the fault of this command, not of the next."""
    command = bytearray(copy(AGGREGATE, beats=2))
    command[7 * 4 : 8 * 4] = HASTY.to_bytes(4, "little")
    assert check(bytes(command), CONFIG) == (ErrorCode.NONE, 0)
    driver.ram.stall(driver.rng, Stalls(latency=4 * HASTE))
    for response, code in ((Resp.OKAY, ErrorCode.NONE), (Resp.SLVERR, ErrorCode.WRITE_SLVERR)):
        driver.ram.fail("write", response, range(TARGET, TARGET + BUS_BYTES))
        outcome = OK if code is ErrorCode.NONE else Outcome(0, 1, code, 0, 0)
        assert await driver.run([bytes(command), copy(beats=1, target=0x9000)], PROGRAM) == outcome


@TABLE.case()
async def a_program_of_nothing_and_an_unaligned_program(driver: TopDriver) -> None:
    assert await driver.run([], PROGRAM) == OK
    assert await driver.read("READ_BEATS") == 0
    assert await driver.run([copy()], PROGRAM + 4) == Outcome(0, 1, ErrorCode.UNALIGNED, 0, 0)
    await works(driver)


@TABLE.case()
async def a_start_forgets_how_the_last_program_ended(driver: TopDriver) -> None:
    """By itself, by an error, or by a bus that hung and a reset: while the next program runs, registers are about that
    one alone."""
    running = Outcome(1, 0, ErrorCode.NONE, 0, 0)
    for last in (copy(), copy(ATTENTION, seq_q=0), None):
        if last is None:
            driver.ram.hang("b")
            assert (await driver.run([copy()], PROGRAM, watchdog=200)).code is ErrorCode.WATCHDOG
            driver.ram.flow()
            await driver.soft_reset()
        else:
            await driver.run([copy(), copy(), last], PROGRAM)
            assert await driver.read("COMMAND_INDEX") == 2
        for index in range(2):
            driver.ram.hang("b" if index else "r")
            await driver.start([copy(beats=1)] * (index + 1), PROGRAM)
            await ClockCycles(driver.dut.clk, 100)
            assert await driver.outcome() == running
            assert await driver.read("COMMAND_INDEX") == 0
            assert await driver.read("IRQ_STATUS") == 0
            driver.ram.flow()
            assert await driver.wait() == OK
            assert await driver.read("COMMAND_INDEX") == index


@TABLE.case()
async def a_program_of_more_commands_than_could_be_run(driver: TopDriver) -> None:
    """Each bit of their count: the program goes on until a command is refused."""
    for bit, more in product(range(2, 32), (0, -1)):
        await driver.start([copy(beats=1)] * 2 + [bytes(64)], PROGRAM, count=(1 << bit) + more)
        assert await driver.wait() == Outcome(0, 1, ErrorCode.BAD_OPCODE, 0, 2)


@TABLE.case()
async def programs_take_their_cycles(driver: TopDriver) -> None:
    """On a memory that holds nothing back, to the cycle: none is lost in a fetch, between commands, or in a copy."""
    for regime, lengths in CYCLES.items():
        driver.ram.stall(driver.rng, regime)
        for spec, (beats, cycles) in product((GEMM, AGGREGATE, VECTOR), lengths.items()):
            for commands in (1, 2):
                assert await driver.run([copy(spec, beats=beats, target=0x9000)] * commands, PROGRAM) == OK
                assert await driver.read("CYCLES") == commands * cycles
                own = await driver.read(f"CYCLES_{spec.engine.upper()}")
                assert own == commands * (cycles - BETWEEN - regime.latency)
        await driver.run([bytes(64)], PROGRAM)
        assert await driver.read("CYCLES") == REFUSED + regime.latency
        await driver.run([], PROGRAM)
        assert await driver.read("CYCLES") == 1


@TABLE.case()
async def random_backpressure(driver: TopDriver) -> None:
    for _ in range(2):
        for stalls in REGIMES[1:]:
            driver.ram.stall(driver.rng, stalls)
            await _copies(driver)


async def _copies(driver: TopDriver) -> None:
    """A random program of copies leaves behind what it must."""
    rng = driver.rng
    program, expected = [], bytearray(driver.ram.read(TARGET, 0x4000))
    for index in range(rng.integers(1, 6)):
        beats = int(rng.choice([1, 2, 16, 33]))
        source, target = SOURCE + 8 * int(rng.integers(64)), 0x800 * index + 8 * int(rng.integers(16))
        program.append(copy(list(COMMANDS.values())[rng.integers(len(COMMANDS))], source, TARGET + target, beats))
        expected[target : target + 8 * beats] = inverted(driver.ram.read(source, 8 * beats))
    assert await driver.run(program, PROGRAM + 8 * int(rng.integers(8))) == OK
    assert driver.ram.read(TARGET, 0x4000) == expected


@TABLE.case()
async def a_start_while_busy_is_ignored(driver: TopDriver) -> None:
    await driver.start([copy(beats=100, target=0x9000)] * 2, PROGRAM)
    await driver.write("PROGRAM_COUNT", 9)
    await driver.control("start")
    assert (await driver.outcome()).busy
    assert await driver.wait() == OK
    assert await driver.read("COMMANDS_GEMM") == 2
    await ClockCycles(driver.dut.clk, 200)
    assert not (await driver.outcome()).busy
