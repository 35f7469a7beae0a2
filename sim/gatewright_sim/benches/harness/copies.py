"""Programs of copies: commands of every kind that a :class:`CopyEngine` takes as a copy, inverted, of some beats."""

from __future__ import annotations

from typing import Any

from gatewright.spec.commands import AGGREGATE, ATTENTION, GEMM, VECTOR, GemmFlags, encode
from gatewright.spec.errors import ErrorCode
from gatewright_sim.benches.harness.program_driver import Outcome, ProgramDriver
from gatewright_sim.benches.harness.top_driver import TopDriver

__all__ = ["OK", "PROGRAM", "SOURCE", "TARGET", "VALID", "copy", "inverted", "start", "works"]

OK = Outcome(busy=0, done=1, code=ErrorCode.NONE, detail=0, index=0)
SOURCE, TARGET, PROGRAM = 0x2000, 0x8000, 0x1000
VALID: dict[Any, tuple[int, dict[str, int]]] = {
    GEMM: (GemmFlags.PARAMS, {"m": 1, "k": 8}),
    ATTENTION: (0, {"seq_kv": 8, "heads": 1, "head_dim": 8}),
    AGGREGATE: (0, {"cols": 1, "features": 8}),
    VECTOR: (0, {"cols": 1}),
}
"""Flags and sizes, besides the length of the copy, that make a valid command."""


def copy(spec: Any = GEMM, source: int = SOURCE, target: int = TARGET, beats: int = 4, **changes: int) -> bytes:
    """A command of ``spec`` that a CopyEngine takes as a copy; ``changes`` replace ``flags`` or fields."""
    flags, sizes = VALID[spec]
    values = dict.fromkeys((field.name for field in spec.fields), 0) | sizes
    for word, value in ((1, source), (3, target), (6, beats)):
        values |= {field.name: value for field in spec.fields if field.word == word}
    flags = changes.pop("flags", flags)
    return encode(spec, flags, **values | changes)


def inverted(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


async def start(dut: Any) -> TopDriver:
    """The driver of ``dut``, reset, its memory full of noise."""
    driver = TopDriver(dut)
    driver.ram.write(0, driver.rng.bytes(driver.ram.size))
    await driver.reset()
    return driver


async def works(driver: ProgramDriver, spec: Any = GEMM) -> None:
    """The next request is right."""
    data = driver.rng.bytes(24)
    driver.ram.write(SOURCE, data)
    driver.ram.write(TARGET, bytes(32))
    assert await driver.run([copy(spec, beats=3)], PROGRAM) == OK
    assert driver.ram.read(TARGET, 32) == inverted(data) + bytes(8)
