"""The models of a processing system's ports find what a fabric does wrong."""

import re
from pathlib import Path

import pytest
from amaranth.hdl import Const, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.boards.zynq7 import GP, HP, Zynq7Core
from gatewright_hw.top import ROUTES, Top
from gatewright_hw.verilog import to_verilog
from gatewright_sim.benches.harness.copy_engine import CopyEngine
from gatewright_sim.benches.harness.runner import BenchError, run_cocotb

FAULTS = {
    # a signal of the fabric, the bits that are wrong in it, and what the model says
    "gp0.rid": (0x800, "r: an answer of ID 0x"),
    "gp0.rlast": (1, "r: last is (True|False) at beat"),
    "gp0.rresp": (2, "expected (OKAY|DECERR)"),
    "gp0.rdata": (0x100, "which holds 0x"),
    "gp0.arready": (1, "not answered in 4000 cycles|an answer before the address was taken"),
    "gp0.bvalid": (1, "an answer of ID|not answered in 4000 cycles|before"),
    "hp0.wid": (0x20, "w: ID 32 in a burst of ID 0"),
    "hp0.arlen": (0x8, "crosses a multiple of 4096|no interrupt within"),
    "hp0.awsize": (1, "aw: .*'size': 2"),
    "hp0.wlast": (1, "w: last is"),
    "hp0.wvalid": (1, "w: (last is|no data for|valid was withdrawn|ID)"),
}
BENCH = """
import os
import cocotb
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_sim.benches.harness.board_driver import BoardDriver
from gatewright_sim.benches.harness.copies import works

@cocotb.test()
async def traffic_and_copies(dut):
    dut.fault.value = 0
    driver = BoardDriver(dut, get_board("zybo-z7-10"), get_config("tiny"))
    await driver.power_on()
    await driver.read("ID")
    dut.fault.value = int(os.environ["FAULT"])
    async with driver.traffic():
        for _ in range(3):
            await works(driver)
"""


class Faulty(wiring.Component):
    """The core of a board; ``fault`` chooses one of FAULTS, from 1 on."""

    clk: In(1)
    resetn: In(1)
    gp0: In(GP)
    gp1: In(GP)
    hp0: Out(HP)
    irq: Out(1)
    fault: In(8)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        engines = {name: CopyEngine() for name in dict.fromkeys(ROUTES.values())}
        m.submodules.core = core = Zynq7Core(get_board("zybo-z7-10"), Top(get_config("tiny"), engines))
        m.d.comb += [core.clk.eq(self.clk), core.resetn.eq(self.resetn), self.irq.eq(core.irq)]
        for name, outward in (("gp0", False), ("gp1", False), ("hp0", True)):
            inner, outer = getattr(core, name), getattr(self, name)
            for field, member in (HP if outward else GP).members.items():
                source, sink = Value.cast(getattr(inner, field)), getattr(outer, field)
                if (member.flow is Out) is not outward:
                    m.d.comb += source.eq(sink)
                    continue
                number = [*FAULTS].index(f"{name}.{field}") + 1 if f"{name}.{field}" in FAULTS else 0
                wrong = Const(FAULTS[f"{name}.{field}"][0] if number else 0, len(sink))
                m.d.comb += sink.eq(source ^ Mux((self.fault == number) & (number != 0), wrong, 0))
        return m


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "faulty_bench.py").write_text(BENCH)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield to_verilog(Faulty(), "faulty")


def run(design: str, number: int, **options: Path) -> int:
    return run_cocotb(design, "faulty", "faulty_bench", environment={"FAULT": str(number)}, **options)


def test_without_a_fault_nothing_is_found(design: str) -> None:
    assert run(design, 0) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(design: str, fault: str) -> None:
    with pytest.raises(BenchError) as error:
        run(design, [*FAULTS].index(fault) + 1)
    assert re.search(FAULTS[fault][1], str(error.value))
