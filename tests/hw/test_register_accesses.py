"""RegisterBlock under a master that moves its five channels independently: against a model, cycle by cycle."""

from collections import deque
from typing import Any

import numpy as np
import pytest

from gatewright.spec.config import get_config
from gatewright.spec.registers import REGISTER_BYTES, REGISTERS, Access, constants, register
from gatewright_hw.register_block import RegisterBlock
from gatewright_sim.components.axi_lite import lite_sink, lite_source
from gatewright_sim.components.simulation import simulate

TINY = get_config("tiny")
NAMES = ("PROGRAM_ADDR", "WATCHDOG", "IRQ_ENABLE", "IRQ_STATUS", "CONTROL", "ID", "STATUS", "COMMAND_INDEX")
BY_OFFSET = {entry.offset: entry for entry in REGISTERS}
COUNT = 150


class Model:
    """What the registers hold, and what the bus answers."""

    def __init__(self, shown: dict[str, int]) -> None:
        self.held = {entry.offset: 0 for entry in REGISTERS}
        self.held |= {register(name).offset: value for name, value in (constants(TINY) | shown).items()}
        self.command = 0
        self.answers: deque[int] = deque()

    def outputs(self) -> list[int]:
        return [
            self.command,
            *(self.held[register(name).offset] for name in ("IRQ_STATUS", "WATCHDOG", "PROGRAM_ADDR")),
        ]

    def read(self, address: int) -> None:
        self.answers.append(self.held.get(address & ~3, 0))

    def write(self, address: int, word: int, strobes: int) -> int:
        """Returns the bits of IRQ_STATUS that are cleared."""
        mask = sum(0xFF << 8 * byte for byte in range(4) if strobes >> byte & 1)
        entry = BY_OFFSET.get(address & ~3)
        if entry is None:
            return 0
        if entry.access is Access.RW:
            self.held[entry.offset] = (self.held[entry.offset] & ~mask | word & mask) & entry.mask
        if entry.access is Access.COMMAND:
            self.command = word & mask & entry.mask
        return word & mask & entry.mask if entry.access is Access.W1C else 0


def any_place(rng: np.random.Generator) -> int:
    """Mostly that of a register, with whatever low bits."""
    if rng.random() < 0.1:
        return int(rng.integers(REGISTER_BYTES))
    return register(str(rng.choice(NAMES))).offset + int(rng.choice([0, 0, 1, 3]))


@pytest.mark.parametrize("taking", [(1, 1), (0.2, 1), (1, 0.2), (0.3, 0.3), (0.05, 0.05)], ids=str)
@pytest.mark.parametrize("idle", [0, 6])
def test_every_access_acts_once_and_is_answered_once(
    taking: tuple[float, float], idle: int, rng: np.random.Generator
) -> None:
    dut = RegisterBlock(TINY)
    bus = dut.bus
    beats = [
        {"data": int(rng.integers(1 << 32)), "strb": int(rng.choice([15, rng.integers(16)]))} for _ in range(COUNT)
    ]
    shown = {"STATUS": int(rng.integers(8)), "COMMAND_INDEX": int(rng.integers(1 << 32))}

    def places() -> list[dict[str, int]]:
        return [{"addr": any_place(rng)} for _ in range(COUNT)]

    def pauses() -> list[int]:
        return [int(pause) for pause in rng.integers(0, idle + 1, COUNT) * rng.integers(0, 2, COUNT)]

    async def events(ctx: Any) -> None:
        ctx.set(dut.status.as_value(), shown["STATUS"])
        ctx.set(dut.command_index, shown["COMMAND_INDEX"])
        while True:
            ctx.set(dut.irq_status_set.done, bool(rng.random() < 0.3))
            ctx.set(dut.irq_status_clear, bool(rng.random() < 0.03))
            await ctx.tick()

    async def check(ctx: Any) -> None:
        model = Model(shown)
        names = [f"{channel}{name}" for channel in ("aw", "w", "ar", "r") for name in ("valid", "ready")]
        names += ["awaddr", "wdata", "wstrb", "araddr", "rdata", "rresp", "bresp"]
        outputs = [dut.control.as_value(), dut.irq_status.as_value(), dut.watchdog, dut.program_addr]
        events = [dut.irq_status_set.done, dut.irq_status_clear]
        async for _, _, *values in ctx.tick().sample(*(getattr(bus, name) for name in names), *outputs, *events):
            now = dict(zip(names, values, strict=False))
            assert values[len(names) : -2] == model.outputs()
            assert (now["rresp"], now["bresp"]) == (0, 0)
            if now["rvalid"]:
                assert now["rdata"] == model.answers[0]
                if now["rready"]:
                    model.answers.popleft()
            if now["arvalid"] and now["arready"]:
                model.read(now["araddr"])
            model.command, cleared = 0, -values[-1]
            if now["awvalid"] and now["awready"]:
                assert now["wvalid"], "a write without its data"
                cleared |= model.write(now["awaddr"], now["wdata"], now["wstrb"])
            status = register("IRQ_STATUS").offset
            model.held[status] = model.held[status] & ~cleared | values[-2]

    simulate(
        dut,
        lite_source(bus, "aw", places(), pauses()),
        lite_source(bus, "w", beats, pauses()),
        lite_source(bus, "ar", places(), pauses()),
        lite_sink(bus, "b", COUNT, rng, taking[0]),
        lite_sink(bus, "r", COUNT, rng, taking[1]),
        background=[events, check],
    )
