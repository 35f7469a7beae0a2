# amaranth: UnusedElaboratable=no
"""The tops of all boards: what is connected to a processing system, and how. The benches of boards drive them."""

import dataclasses
import re

import pytest

from gatewright.spec.boards import BOARDS, Board, get_board
from gatewright.spec.clocks import Family
from gatewright.spec.config import get_config
from gatewright.spec.errors import SpecError
from gatewright_hw.boards import board_top, board_verilog, top_name
from gatewright_hw.boards.accelerator import BoardAccelerator, memory_masters
from gatewright_hw.boards.ps7_ports import AXI_PORTS, PS7_PORTS, Direction, tie
from gatewright_hw.boards.zynq7 import Zynq7Core, Zynq7Top
from gatewright_hw.boards.zynqmp import IP_CONFIGURATION, IP_MODULE, ZynqMpCore, ZynqMpTop
from gatewright_hw.top import Top

TINY = get_config("tiny")


def instance(text: str, module: str) -> dict[str, str]:
    """What is connected to each port of the one instance of ``module``."""
    (found,) = re.findall(rf"^  {module}\s+\w+ \((.*?)^  \);", text, re.S | re.M)
    connections = re.findall(r"^    \.(\w+)\((.*?)\),?$", found, re.M)
    assert len(connections) == found.count("\n    .") + found.startswith("    .")
    return dict(connections)


@pytest.fixture(scope="module", params=[name for name, board in BOARDS.items() if board.family is Family.ZYNQ7])
def zynq7(request: pytest.FixtureRequest) -> tuple[Board, str]:
    board = get_board(request.param)
    return board, board_verilog(board, TINY)


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
    with_pads = board_verilog(board, TINY, pads=True)
    (header,) = re.findall(rf"^module {top_name(board)}\((.*?)\);", with_pads, re.S | re.M)
    assert set(re.findall(r"\w+", header)) == pads
    assert {name: net for name, net in instance(with_pads, "PS7").items() if name in pads} == {pad: pad for pad in pads}


def test_kv260_has_the_blocks_ports() -> None:
    block = instance(board_verilog(get_board("kv260"), TINY), IP_MODULE)
    assert block["maxihpm0_fpd_aclk"] == block["saxihp0_fpd_aclk"] == block["pl_clk0"]
    assert block["pl_ps_irq0"] == "irq"
    assert block["saxigp2_awaddr"].startswith("{ 17'h00000, ")
    assert (block["saxigp2_awlen"].startswith("{ 4'h0, "), block["saxigp2_awsize"]) == (True, "3'h3")
    assert (block["saxigp2_awid"], block["saxigp2_arid"]) == ("6'h00", "6'h00")
    assert not any(name.startswith(("pl_resetn", "maxigp1", "maxigp2")) for name in block)
    assert (IP_CONFIGURATION["PSU__MAXIGP0__DATA_WIDTH"], IP_CONFIGURATION["PSU__SAXIGP2__DATA_WIDTH"]) == (32, 64)


@pytest.mark.parametrize("core", [Zynq7Core, ZynqMpCore])
def test_a_master_without_a_port_is_refused(core: type[Zynq7Core] | type[ZynqMpCore]) -> None:
    board = dataclasses.replace(get_board("kv260"), memory_ports=())
    with pytest.raises(SpecError, match="memory_ports names 0, allowed at least 1"):
        core(board, Top(TINY))


@pytest.mark.parametrize("name", BOARDS)
def test_each_board_has_its_familys_top(name: str) -> None:
    """Whose accelerator stands between the ports, one for each of its masters."""
    board = get_board(name)
    top = board_top(board, TINY)
    assert isinstance(top, Zynq7Top if board.family is Family.ZYNQ7 else ZynqMpTop)
    accelerator = BoardAccelerator(Top(TINY), board, AXI_PORTS["M_AXI_GP0"], AXI_PORTS["S_AXI_HP0"])
    assert (memory_masters(Top(TINY)), accelerator.hp_names) == (["m_axi"], ["hp0"])


def test_the_text_is_the_same_each_time(zynq7: tuple[Board, str]) -> None:
    assert board_verilog(zynq7[0], TINY) == zynq7[1]
