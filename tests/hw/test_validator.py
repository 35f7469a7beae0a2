"""The command validator says what the contract's ``check`` says."""

import random

import pytest

from gatewright.spec.commands import COMMANDS, Kind, check, encode
from gatewright.spec.config import CONFIGS, AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright_hw.validator import CommandValidator
from gatewright_sim.components.simulation import simulate


def random_command(rng: random.Random, config: AcceleratorConfig) -> bytes:
    """Each field is valid, at a limit, or anything; so all verdicts are frequent."""
    spec = rng.choice(list(COMMANDS.values()))
    values = {}
    for field in spec.fields:
        bottom, top = field.range
        limit = field.most if field.kind is Kind.CHOICE else min(field.maximum(config), top)
        valid = rng.randint(1, limit) // field.multiple * field.multiple or field.multiple
        if field.bounded_by and rng.random() < 0.7:
            _, most, multiple = (getattr(config, str(name), 0) for name in field.bounded_by)
            valid = rng.randint(1, most // multiple) * multiple
        if field.kind in (Kind.ADDRESS, Kind.STRIDE):
            valid = rng.randrange(0, top, 8)
        edges = (bottom, 0, limit, min(limit + 1, top), min(limit + field.multiple, top), top, rng.randint(0, top))
        values[field.name] = valid if rng.random() < 0.97 else rng.choice(edges)
    flags = rng.randrange(256) & (spec.flags_mask(config) if rng.random() < 0.9 else 0xFF)
    raw = bytearray(encode(spec, flags, **values))
    if rng.random() < 0.05:
        raw[0] = rng.randrange(256)
    return bytes(raw)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_validator_agrees_with_the_contract(name: str) -> None:
    config = CONFIGS[name]
    rng = random.Random(3)
    commands = [random_command(rng, config) for _ in range(1500)]
    expected = [check(raw, config) for raw in commands]
    assert {code for code, _ in expected} == {
        ErrorCode.NONE,
        ErrorCode.BAD_OPCODE,
        ErrorCode.BAD_FLAGS,
        ErrorCode.UNALIGNED,
        ErrorCode.BAD_SHAPE,
    }
    dut = CommandValidator(config)
    verdicts = []

    async def bench(ctx):
        for raw in commands:
            ctx.set(dut.command, int.from_bytes(raw, "little"))
            await ctx.tick().repeat(dut.delay)
            verdicts.append((ErrorCode(ctx.get(dut.code)), ctx.get(dut.detail)))

    simulate(dut, bench)
    assert verdicts == expected
