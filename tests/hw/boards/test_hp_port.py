# amaranth: UnusedElaboratable=no
"""HpPort: what the accelerator's master says arrives at a port of fewer bits, or the port is refused."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.memory import MAX_BURST_BEATS
from gatewright_hw.boards import hp_port
from gatewright_hw.boards.hp_port import HpPort
from gatewright_hw.bus.axi import Axi3, Axi4
from gatewright_sim.components.simulation import simulate

PORTS = {"S_AXI_HP0": Axi3(id_bits=6, data_bits=64), "S_AXI_HP0_FPD": Axi4(6, 49, 64)}


def random_values(dut: HpPort, ctx: Any, rng: np.random.Generator) -> dict[str, int]:
    """Set every input of both sides to what it may be; returns the values by ``side.name``."""
    most = {"len": MAX_BURST_BEATS, "size": 4}
    values = {}
    for side, names in (
        ("master", [name for name, member in dut.master.signature.flip().members.items() if member.flow.name == "Out"]),
        ("port", [name for name, member in dut.port.signature.members.items() if member.flow.name == "In"]),
    ):
        for name in names:
            signal = getattr(getattr(dut, side), name)
            limit = most.get(name.removeprefix("aw").removeprefix("ar"), 1 << len(signal))
            values[f"{side}.{name}"] = int.from_bytes(rng.bytes(8), "little") % limit
            ctx.set(signal, values[f"{side}.{name}"])
    return values


@pytest.mark.parametrize("name", PORTS)
def test_both_sides_see_each_other_at_once(name: str, rng: np.random.Generator) -> None:
    dut = HpPort(PORTS[name])

    async def testbench(ctx: Any) -> None:
        for _ in range(50):
            values = random_values(dut, ctx, rng)
            await ctx.delay(1e-9)
            for path, value in values.items():
                side, field = path.split(".")
                if field[-2:] == "id" or field.endswith("lock"):
                    continue  # constant, see below
                other = dut.port if side == "master" else dut.master
                assert ctx.get(getattr(other, field)) == value, path
            for field in ("awid", "arid", "awlock", "arlock", *(["wid"] if name == "S_AXI_HP0" else [])):
                assert ctx.get(getattr(dut.port, field)) == 0
            assert ctx.get(dut.master.rid) == ctx.get(dut.master.bid) == 0

    simulate(dut, testbench)


@pytest.mark.parametrize(
    ("port", "message"),
    [
        (Axi3(id_bits=6, data_bits=32), "the port has 32 bits of data, allowed 64"),
        (Axi4(6, 49, 128), "the port has 128 bits of data, allowed 64"),
        (Axi4(6, 31, 64), "the port's awaddr has 31 bits, allowed at least 32"),
    ],
    ids=["narrow", "wide", "few addresses"],
)
def test_a_port_that_does_not_fit_is_refused(port: Axi3 | Axi4, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HpPort(port)


@pytest.mark.parametrize(("field", "highest", "bits"), [("len", 31, 4), ("size", 4, 2)])
def test_what_axi3_has_no_bits_for_is_refused(
    field: str, highest: int, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the accelerator's master had longer bursts, or wider data."""
    monkeypatch.setitem(hp_port.HIGHEST, field, highest)
    with pytest.raises(ValueError, match=f"the port's aw{field} has {bits} bits, allowed at least {bits + 1}"):
        HpPort(PORTS["S_AXI_HP0"])
    HpPort(PORTS["S_AXI_HP0_FPD"])
