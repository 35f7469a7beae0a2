"""cocotb tests of the whole accelerator: after a random program, memory and registers equal the golden machine's,
byte for byte."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import cocotb
import numpy as np

from gatewright.spec.commands import (
    AGGREGATE,
    ATTENTION,
    GEMM,
    GEMM_PARAMS_DTYPE,
    VECTOR,
    VECTOR_PARAMS_DTYPE,
    AttentionFlags,
    GemmFlags,
    Opcode,
    VectorFlags,
    encode,
)
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import ENGINES, register
from gatewright.spec.vector import TABLE_BYTES, Combine, ElementType, Function
from gatewright_sim.benches.harness.top_driver import Outcome, TopDriver
from gatewright_sim.golden.machine import GoldenMachine
from gatewright_sim.memory import SimulatedMemory

CONFIG = get_config("tiny")
SIZE = 1 << 17
PROGRAM = 0x40
FIRST_DATA = 0x1000


class Image:
    """A memory image that commands place their operands in; what nothing is placed in is random."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.numpy = np.random.default_rng(rng.getrandbits(32))
        self.bytes = np.frombuffer(rng.randbytes(SIZE), np.uint8).copy()
        self._next = FIRST_DATA

    def reserve(self, nbytes: int) -> int:
        """An address of ``nbytes`` that nobody else has, a few words after the last one."""
        address = self._next + 8 * self.rng.randrange(6)
        self._next = (address + nbytes + 7) // 8 * 8
        assert self._next <= SIZE
        return address

    def matrix(self, rows: int, columns: int) -> tuple[int, int]:
        """Address and row stride of a matrix of random bytes."""
        stride = (columns + 7) // 8 * 8 + 8 * self.rng.randrange(3)
        return self.reserve(rows * stride), stride

    def place(self, array: np.ndarray) -> int:
        """Put an array down; returns its address."""
        raw = np.ascontiguousarray(array).view(np.uint8).ravel()
        address = self.reserve(len(raw))
        self.bytes[address : address + len(raw)] = raw
        return address


def gemm(image: Image) -> bytes:
    rng = image.rng
    m, n = rng.randint(1, 20), rng.randint(1, 30)
    k = rng.choice((1, 7, 8, 9, 31, 64, rng.randint(1, CONFIG.gemm_max_k)))
    flags = GemmFlags(rng.randrange(16))
    if not flags & GemmFlags.OUT_INT32:
        flags |= GemmFlags.PARAMS | rng.choice((GemmFlags(0), GemmFlags.OUT_INT16))
    params = np.zeros(n, GEMM_PARAMS_DTYPE)
    params["bias"] = image.numpy.integers(-(1 << 18), 1 << 18, n)
    params["multiplier"] = image.numpy.integers(0, 1 << 16, n)
    params["shift"] = image.numpy.integers(24, 34, n)
    a, a_stride = image.matrix(m, k)
    b, b_stride = image.matrix(k, n) if flags & GemmFlags.B_KN else image.matrix(n, k)
    c, c_stride = image.matrix(m, n * (4 if flags & GemmFlags.OUT_INT32 else 2 if flags & GemmFlags.OUT_INT16 else 1))
    return encode(
        GEMM, flags, a_addr=a, b_addr=b, c_addr=c, params_addr=image.place(params), m=m, n=n, k=k,
        a_stride=a_stride, b_stride=b_stride, c_stride=c_stride,
    )  # fmt: skip


def attention(image: Image) -> bytes:
    rng = image.rng
    seq_q, seq_kv = rng.randint(1, 20), rng.randint(1, 30)
    heads, head_dim = rng.randint(1, 3), rng.choice((8, 16, 24, CONFIG.max_head_dim))
    flags = AttentionFlags(rng.randrange(8))
    q, k, v = (image.matrix(rows, heads * head_dim) for rows in (seq_q, seq_kv, seq_kv))
    o = image.matrix(seq_q, heads * head_dim * (2 if flags & AttentionFlags.OUT_INT16 else 1))
    mask = image.numpy.integers(0, 256, (seq_kv + 63) // 64 * 8, np.uint8)
    return encode(
        ATTENTION, flags, q_addr=q[0], k_addr=k[0], v_addr=v[0], o_addr=o[0],
        q_stride=q[1], k_stride=k[1], v_stride=v[1], o_stride=o[1], mask_addr=image.place(mask),
        seq_q=seq_q, seq_kv=seq_kv, heads=heads, head_dim=head_dim,
        score_multiplier=rng.randrange(1 << 15, 1 << 16), score_shift=rng.randint(18, 24),
        out_multiplier=rng.randrange(1 << 15, 1 << 16), out_shift=rng.randint(7, 16),
    )  # fmt: skip


def aggregate(image: Image) -> bytes:
    rng = image.rng
    rows, cols, features = rng.randint(1, 12), rng.randint(1, 20), rng.choice((1, 8, 9, 40, CONFIG.max_features))
    degrees = [rng.choice((0, 1, 3, 10)) for _ in range(rows)]
    row_ptr = np.cumsum([0, *degrees], dtype=np.uint32)
    nnz = int(row_ptr[-1])
    x, x_stride = image.matrix(cols, features)
    y, y_stride = image.matrix(rows, features)
    return encode(
        AGGREGATE, row_ptr_addr=image.place(row_ptr), col_addr=image.place(image.numpy.integers(0, cols, nnz,
        np.uint32)), weight_addr=image.place(image.numpy.integers(-(1 << 15), 1 << 15, nnz, np.int16)), x_addr=x,
        y_addr=y, rows=rows, cols=cols, nnz=nnz, features=features, x_stride=x_stride, y_stride=y_stride,
        multiplier=rng.randrange(1 << 15, 1 << 16), shift=rng.randint(32, 40),
    )  # fmt: skip


def vector(image: Image) -> bytes:
    rng = image.rng
    rows, cols = rng.randint(1, 12), rng.choice((1, 8, 9, 40, CONFIG.max_columns))
    flags = VectorFlags(rng.randrange(4))
    types = {operand: rng.choice(list(ElementType)) for operand in "aby"}
    params = np.zeros(cols if flags & VectorFlags.PER_COLUMN else 1, VECTOR_PARAMS_DTYPE)
    params["bias"] = image.numpy.integers(-(1 << 18), 1 << 18, len(params))
    params["gain"] = image.numpy.integers(-(1 << 15), 1 << 15, len(params))
    params["shift"] = image.numpy.integers(8, 30, len(params))
    places = {operand: image.matrix(rows, cols * kind.nbytes) for operand, kind in types.items()}
    return encode(
        VECTOR, flags, rows=rows, cols=cols, params_addr=image.place(params), table_addr=image.reserve(TABLE_BYTES),
        **{f"{operand}_addr": address for operand, (address, _) in places.items()},
        **{f"{operand}_stride": stride if operand == "y" or rng.random() < 0.9 else 0
           for operand, (_, stride) in places.items()},
        **{f"{operand}_type": kind for operand, kind in types.items()},
        a_multiplier=rng.randrange(-(1 << 15), 1 << 15), b_multiplier=rng.randrange(-(1 << 15), 1 << 15),
        combine_shift=rng.randint(0, 34), combine=rng.choice(list(Combine)), function=rng.choice(list(Function)),
        epsilon=rng.getrandbits(32), epsilon_high=rng.choice((0, rng.getrandbits(16))),
    )  # fmt: skip


MAKE: dict[Opcode, Callable[[Image], bytes]] = {
    Opcode.GEMM: gemm,
    Opcode.ATTENTION: attention,
    Opcode.AGGREGATE: aggregate,
    Opcode.VECTOR: vector,
}


def golden(image: Image, program: list[bytes]) -> GoldenMachine:
    """The golden machine after the program."""
    memory = SimulatedMemory(0, SIZE)
    memory.array[:] = image.bytes
    machine = GoldenMachine(CONFIG, memory)
    for name, value in (("PROGRAM_ADDR", PROGRAM), ("PROGRAM_COUNT", len(program)), ("CONTROL", 1)):
        machine.write(register(name).offset, value)
    assert machine.run()
    return machine


async def equal(driver: TopDriver, image: Image, program: list[bytes]) -> Outcome:
    """Run the program on both, compare, and return how it ended."""
    raw = np.frombuffer(b"".join(program), np.uint8)
    image.bytes[PROGRAM : PROGRAM + len(raw)] = raw
    machine = golden(image, program)
    driver.ram.write(0, image.bytes.tobytes())
    outcome = await driver.run(program, PROGRAM, watchdog=50_000, cycles=60_000 * len(program))
    for name in ("STATUS", "ERROR", "ERROR_INDEX", "COMMAND_INDEX", *(f"COMMANDS_{e.upper()}" for e in ENGINES)):
        assert await driver.read(name) == machine.read(register(name).offset), f"{name} differs from golden"
    if outcome.code is ErrorCode.NONE:
        found = np.frombuffer(driver.ram.read(0, SIZE), np.uint8)
        wrong = np.flatnonzero(found != machine.memory.array)
        assert not len(wrong), f"{len(wrong)} bytes differ from golden, the first at {wrong[0]:#x}: {program[0].hex()}"
    return outcome


def programs(seed: int, opcodes: list[Opcode], count: int) -> Iterator[tuple[Image, list[bytes], random.Random]]:
    for index in range(count):
        rng = random.Random(1000 * seed + index)
        image = Image(rng)
        yield image, [MAKE[rng.choice(opcodes)](image) for _ in range(rng.randint(1, 4))], rng


async def run_programs(dut: Any, seed: int, opcodes: list[Opcode], count: int) -> None:
    driver = TopDriver(dut, SIZE)
    await driver.reset()
    for number, (image, program, rng) in enumerate(programs(seed, opcodes, count)):
        driver.ram.backpressure(number, rng.choice((0.0, 0.0, 0.3, 0.7)))
        assert (await equal(driver, image, program)).code is ErrorCode.NONE


@cocotb.test()
async def gemm_programs(dut: Any) -> None:
    await run_programs(dut, 1, [Opcode.GEMM], 12)


@cocotb.test()
async def attention_programs(dut: Any) -> None:
    await run_programs(dut, 2, [Opcode.ATTENTION], 10)


@cocotb.test()
async def aggregate_programs(dut: Any) -> None:
    await run_programs(dut, 3, [Opcode.AGGREGATE], 12)


@cocotb.test()
async def vector_programs(dut: Any) -> None:
    await run_programs(dut, 6, [Opcode.VECTOR], 12)


@cocotb.test()
async def mixed_programs(dut: Any) -> None:
    await run_programs(dut, 4, list(MAKE), 10)


@cocotb.test()
async def resets_in_mid_command(dut: Any) -> None:
    """Whatever state an engine is reset in, by either reset, the next program is right."""
    driver = TopDriver(dut, SIZE)
    await driver.reset()
    for number, (image, program, rng) in enumerate(programs(5, list(MAKE), 12)):
        driver.ram.write(0, image.bytes.tobytes())
        driver.ram.backpressure(number, rng.choice((0.0, 0.5)))
        await driver.start(program, PROGRAM)
        await cocotb.triggers.ClockCycles(dut.clk, rng.randrange(1, 1500))
        if number % 2:
            await driver.soft_reset()
        else:
            await driver.reset()
        assert (await equal(driver, image, program[:1])).code is ErrorCode.NONE


@cocotb.test()
async def errors_in_the_data(dut: Any) -> None:
    """A wrong index or row pointer stops the program with the code that golden gives; the next program is right."""
    driver = TopDriver(dut, SIZE)
    await driver.reset()
    codes = set()
    for number in range(8):
        rng = random.Random(600 + number)
        image = Image(rng)
        good, bad = aggregate(image), bytearray(aggregate(image))
        table = int.from_bytes(bad[8:12] if number % 2 else bad[4:8], "little")  # col or row_ptr
        image.bytes[table : table + 4] = np.frombuffer(np.uint32(0xFFFF_FFF0), np.uint8)
        codes.add((await equal(driver, image, [good, bytes(bad), good])).code)
        assert (await equal(driver, image, [good])).code is ErrorCode.NONE
    assert {ErrorCode.BAD_INDEX, ErrorCode.BAD_ROW_POINTER} <= codes
