# amaranth: UnusedElaboratable=no
"""The tops of all boards: what is connected to a processing system, and how. The benches of boards drive them."""

import dataclasses
import re

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.boards import BOARDS, Board, get_board
from gatewright.spec.clocks import Family
from gatewright.spec.config import get_config
from gatewright.spec.errors import SpecError
from gatewright_hw.boards import board_verilog, top, top_name
from gatewright_hw.boards.accelerator import BoardAccelerator, memory_masters
from gatewright_hw.boards.ps7_ports import AXI_PORTS, PS7_PORTS, Direction, tie
from gatewright_hw.boards.zynq7 import Zynq7Core, Zynq7Top
from gatewright_hw.boards.zynqmp import IP_MODULE, ZynqMpCore, ZynqMpTop, ip_configuration
from gatewright_hw.bus.axi import Axi4, AxiLite
from gatewright_hw.bus.master import AxiMaster
from gatewright_hw.top import ROUTES, Top
from gatewright_hw.verilog import to_verilog
from gatewright_sim.benches.harness.copy_engine import CopyEngine

TINY = get_config("tiny")


def instance(text: str, module: str) -> dict[str, str]:
    """What is connected to each port of the one instance of ``module``."""
    (found,) = re.findall(rf"^  {module}\s+\w+ \((.*?)^  \);", text, re.S | re.M)
    connections = re.findall(r"^    \.(\w+)\((.*?)\),?$", found, re.M)
    assert len(connections) == found.count("\n    .") + found.startswith("    .")
    return dict(connections)


def small() -> Top:
    """An accelerator whose engines only copy: made in no time, and the same to a processing system."""
    return Top(TINY, {name: CopyEngine() for name in dict.fromkeys(ROUTES.values())})


class TwoMasters(wiring.Component):
    """What a board needs of an accelerator, with two ways to the memory."""

    irq: Out(1)
    s_axil: In(AxiLite(12))
    m_axi_weights: Out(Axi4())
    m_axi_rows: Out(Axi4())

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        for name in ("m_axi_weights", "m_axi_rows"):
            m.submodules[name] = master = AxiMaster()
            wiring.connect(m, master.axi, wiring.flipped(getattr(self, name)))
        return m


@pytest.fixture(scope="module", params=[name for name, board in BOARDS.items() if board.family is Family.ZYNQ7])
def zynq7(request: pytest.FixtureRequest) -> tuple[Board, str]:
    board = get_board(request.param)
    return board, to_verilog(Zynq7Top(board, small()), top_name(board))


def test_every_input_of_ps7_is_driven(zynq7: tuple[Board, str]) -> None:
    ps7 = instance(zynq7[1], "PS7")
    inputs = {name for name, port in PS7_PORTS.items() if port.direction is Direction.INPUT}
    assert inputs <= set(ps7)
    assert set(ps7) - inputs <= {name for name, port in PS7_PORTS.items() if port.direction is Direction.OUTPUT}
    assert all(ps7[name] for name in inputs)


def test_what_is_not_used_is_tied(zynq7: tuple[Board, str]) -> None:
    """Interfaces that the fabric has no part in hold constants, which are those of the table."""
    board, text = zynq7
    axi = tuple(name.replace("_", "") for name in ("M_AXI_GP0", "M_AXI_GP1", *board.memory_ports[:1]))
    idle = {name for name, port in PS7_PORTS.items() if port.direction is Direction.INPUT and not name.startswith(axi)}
    constants = instance(text, "PS7")
    for name in idle - {"IRQF2P"} - {f"{port.replace('_', '')}ACLK" for port in AXI_PORTS}:
        width = PS7_PORTS[name].width
        bits, base, digits = re.fullmatch(r"(\d+)'([hd])([0-9a-f]+)", constants[name]).groups()
        assert (int(bits), int(digits, {"h": 16, "d": 10}[base])) == (width, tie(name)), name


def test_clock_reset_and_interrupt(zynq7: tuple[Board, str]) -> None:
    """Fabric clock 0 through a BUFG to everything, each AXI port included; the interrupt at bit 0."""
    ps7, buffer = instance(zynq7[1], "PS7"), instance(zynq7[1], "BUFG")
    assert re.fullmatch(rf"\W*{ps7['FCLKCLK']}\W*\[0\]", buffer["I"])
    assert {ps7[f"{port.replace('_', '')}ACLK"] for port in AXI_PORTS} == {buffer["O"]}
    assert ps7["IRQF2P"] == "{ 19'h00000, irq }"
    assert re.search(rf"\.resetn\({ps7['FCLKRESETN']}\s*\[0\]\)", zynq7[1])


def test_the_memory_port_speaks_axi3(zynq7: tuple[Board, str]) -> None:
    board, text = zynq7
    ps7, prefix = instance(text, "PS7"), board.memory_ports[0].replace("_", "")
    fixed = {"AWID": "6'h00", "WID": "6'h00", "ARID": "6'h00", "AWLOCK": "2'h0", "ARLOCK": "2'h0"}
    fixed |= {"AWSIZE": "2'h3", "ARSIZE": "2'h3", "AWBURST": "2'h1", "ARBURST": "2'h1"}
    fixed |= {"AWCACHE": "4'h3", "ARCACHE": "4'h3", "AWPROT": "3'h0", "ARPROT": "3'h0"}
    assert {name: ps7[prefix + name] for name in fixed} == fixed


def test_pads_are_ports_only_on_demand(zynq7: tuple[Board, str]) -> None:
    board, text = zynq7
    pads = {name for name, port in PS7_PORTS.items() if port.direction is Direction.PAD}
    (header,) = re.findall(rf"^module {top_name(board)}\((.*?)\);", text, re.S | re.M)
    assert not header
    with_pads = to_verilog(Zynq7Top(board, small(), pads=True), top_name(board))
    (header,) = re.findall(rf"^module {top_name(board)}\((.*?)\);", with_pads, re.S | re.M)
    assert set(re.findall(r"\w+", header)) == pads
    ps7 = instance(with_pads, "PS7")
    buffers = re.findall(r"^  BIBUF \w+ \(\s+\.IO\((\S+?) ?\),\s+\.PAD\((\w+)(?: ?\[(\d+)\])?\)\s+\);", with_pads, re.M)
    wires = {(pad, int(bit or 0)): wire for wire, pad, bit in buffers}
    for pad in pads:
        assert re.findall(r"[^\s{},]+", ps7[pad])[::-1] == [wires[pad, bit] for bit in range(PS7_PORTS[pad].width)]
    assert len(wires) == len(buffers) == 130, "the pads that the vendor's own block has"


def test_kv260_has_the_blocks_ports() -> None:
    block = instance(to_verilog(ZynqMpTop(get_board("kv260"), small()), "kv260"), IP_MODULE)
    assert block["maxihpm0_fpd_aclk"] == block["saxihp0_fpd_aclk"] == block["pl_clk0"]
    assert block["pl_ps_irq0"] == "irq"
    assert block["saxigp2_awaddr"].startswith("{ 17'h00000, ")
    assert (block["saxigp2_awlen"].startswith("{ 4'h0, "), block["saxigp2_awsize"]) == (True, "3'h3")
    assert (block["saxigp2_awid"], block["saxigp2_arid"]) == ("6'h00", "6'h00")
    assert not any(name.startswith(("pl_resetn", "maxigp1", "maxigp2")) for name in block)
    wanted = ip_configuration(get_board("kv260"), 1)
    assert (wanted["PSU__MAXIGP0__DATA_WIDTH"], wanted["PSU__SAXIGP2__DATA_WIDTH"]) == (32, 64)


def test_each_master_has_a_port_of_its_own_in_the_boards_order() -> None:
    ports = ("S_AXI_HP2", "S_AXI_HP0", "S_AXI_HP1")
    board = dataclasses.replace(get_board("pynq-z2"), memory_ports=ports)
    assert memory_masters(TwoMasters()) == ["m_axi_weights", "m_axi_rows"]
    text = to_verilog(Zynq7Top(board, TwoMasters()), "two")
    ps7 = instance(text, "PS7")
    for index, port in enumerate(ports[:2]):
        prefix = port.replace("_", "")
        assert (ps7[f"{prefix}AWVALID"], ps7[f"{prefix}RDATA"]) == (f"hp{index}__awvalid", f"hp{index}__rdata")
    assert (ps7["SAXIHP1AWVALID"], ps7["SAXIHP3AWVALID"]) == ("1'h0", "1'h0")
    (core,) = re.findall(r"^module \\two\.core\.accelerator\.accelerator *\((.*?)\);", text, re.S | re.M)
    assert "m_axi_weights__awvalid" in core


def test_kv260_has_a_port_for_each_master() -> None:
    board = dataclasses.replace(get_board("kv260"), memory_ports=("S_AXI_HP0_FPD", "S_AXI_HP3_FPD"))
    block = instance(to_verilog(ZynqMpTop(board, TwoMasters()), "two"), IP_MODULE)
    assert (block["saxigp2_awvalid"], block["saxigp5_awvalid"]) == ("hp0__awvalid", "hp1__awvalid")
    assert block["saxihp3_fpd_aclk"] == block["pl_clk0"]
    wanted = ip_configuration(board, 2)
    assert [name for name in wanted if name.startswith("PSU__USE__S_AXI")] == [
        "PSU__USE__S_AXI_GP2",
        "PSU__USE__S_AXI_GP5",
    ]


@pytest.mark.parametrize("core", [Zynq7Core, ZynqMpCore])
@pytest.mark.parametrize("ports", [(), ("S_AXI_HP0",)], ids=len)
def test_a_master_without_a_port_is_refused(core: type[Zynq7Core] | type[ZynqMpCore], ports: tuple[str, ...]) -> None:
    board = dataclasses.replace(get_board("kv260"), memory_ports=ports)
    with pytest.raises(SpecError, match=f"memory_ports names {len(ports)}, allowed at least 2"):
        core(board, TwoMasters())


@pytest.mark.parametrize("name", BOARDS)
def test_each_board_has_its_familys_top(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top, "Top", lambda _config: small())
    text = board_verilog(get_board(name), TINY)
    assert instance(text, "PS7" if get_board(name).family is Family.ZYNQ7 else IP_MODULE)
    assert re.search(rf"^module {top_name(get_board(name))}\(\);", text, re.M)


def test_the_accelerators_one_master_is_found() -> None:
    accelerator = BoardAccelerator(small(), get_board("kv260"), AXI_PORTS["M_AXI_GP0"], AXI_PORTS["S_AXI_HP0"])
    assert (memory_masters(small()), accelerator.hp_names) == (["m_axi"], ["hp0"])


def test_the_text_is_the_same_each_time(zynq7: tuple[Board, str]) -> None:
    board, text = zynq7
    assert to_verilog(Zynq7Top(board, small()), top_name(board)) == text
