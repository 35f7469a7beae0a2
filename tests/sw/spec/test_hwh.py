"""The handoff: PYNQ, as it is, finds in it all that the contract says; without a warning, in every version."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from environments import board_python
from gatewright.spec.boards import BOARDS, Board
from gatewright.spec.clocks import Family
from gatewright.spec.hwh import VLNV, handoff
from gatewright.spec.registers import REGISTER_BYTES, REGISTERS, Access
from gatewright_hw.build import Request, build

PROBE = Path(__file__).with_name("overlay_probe.py")
VERSIONS = ("3.0.1", "3.1.2", "4.0.0")
ARCHITECTURES = {Family.ZYNQ7: "armv7l", Family.ZYNQMP: "aarch64"}
MHZ = {"pynq-z2": 125, "zybo-z7-10": 66, "kv260": 142}
ACCESS = {Access.COMMAND: "write-only", Access.RW: "read-write", Access.W1C: "read-write"}


def request_of(board: Board) -> Request:
    return Request.of(board, board.default_config, MHZ.get(board.name))


def field_of(value: int, field: Any) -> int:
    return value >> field.lsb & (1 << field.width) - 1


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], dict[str, Any]]:
    """What a version of PYNQ makes of the overlay of a board, whose PLLs are as its boot loader leaves them."""
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def run(version: str, name: str) -> dict[str, Any]:
        board, block = BOARDS[name], BOARDS[name].family.clocks
        if (version, name) not in found:
            python = sys.executable if version == VERSIONS[-1] else board_python(f"pynq-{version}")
            built = build("simulation", request_of(board), tmp_path_factory.mktemp("built") / "out")
            pll = board.plls[0]
            halved = pll.halved << block.halved.lsb if block.halved else 0
            words = {block.base + block.pll_control[pll.name]: pll.multiplier << block.multiplier.lsb | halved}
            arguments = [built.path(".bit"), ARCHITECTURES[board.family], board.interrupt, json.dumps(words)]
            done = subprocess.run(
                [python, PROBE, *map(str, arguments)],
                capture_output=True, text=True, timeout=120, cwd=built.folder, env={"PATH": "/usr/bin:/bin"},
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-2000:]
            found[version, name] = json.loads(done.stdout)
        return found[version, name]

    return run


everywhere = pytest.mark.parametrize("version", VERSIONS)
for_boards = pytest.mark.parametrize("name", BOARDS)


@everywhere
@for_boards
def test_blocks_and_addresses(version: str, name: str, probe) -> None:
    found, board = probe(version, name), BOARDS[name]
    assert found["pynq"] == version
    controller = board.registers_base + board.interrupt_controller_offset
    assert found["ip"] == {
        "gatewright": [VLNV, board.registers_base, REGISTER_BYTES],
        "interrupts": ["xilinx.com:ip:axi_intc:4.1", controller, 0x1000],
    }
    assert found["id"] == int.from_bytes(b"GWRT", "big")
    assert found["parameters"]["CONFIG_HASH"] == f"0x{board.default_config.hash_text}"


@everywhere
def test_registers_and_fields_by_name(version: str, probe) -> None:
    found = probe(version, "pynq-z2")["registers"]
    assert found == {
        entry.name: {
            "offset": entry.offset,
            "bits": 32,
            "access": ACCESS.get(entry.access, "read-only"),
            "doc": entry.doc,
            "fields": {field.name: [field.lsb, field.width] for field in entry.fields},
        }
        for entry in REGISTERS
    }


@everywhere
@for_boards
def test_a_download_sets_the_clock(version: str, name: str, probe) -> None:
    """From 4.0.0 on, PYNQ seeks dividers for a frequency, and takes every Zynq-7000's crystal to have 50 MHz."""
    board, block, clock = BOARDS[name], BOARDS[name].family.clocks, request_of(BOARDS[name]).clock
    written = {int(address): value for address, value in probe(version, name)["written"].items()}
    value = written[block.base + block.control[0]]
    found = field_of(value, block.divisor0) * field_of(value, block.divisor1)
    if version == "4.0.0" and board.family is Family.ZYNQ7 and board.crystal_mhz != 50:
        assert board.fabric_pll_mhz / found <= clock.mhz, "never too fast"
    else:
        assert found == clock.divisor0 * clock.divisor1
    if block.running is not None:
        assert field_of(value, block.running) == 1


@everywhere
@for_boards
def test_a_download_sets_the_widths_of_an_ultrascale(version: str, name: str, probe) -> None:
    """UG1087: AFIFM.RDCTRL and WRCTRL of S_AXI_HP0 (1 = 64 bits), AFI_FS of M_AXI_HPM0 in bits 9:8 (0 = 32 bits)."""
    written = {int(address): value for address, value in probe(version, name)["written"].items()}
    widths = {address: written.get(address) for address in (0xFD38_0000, 0xFD38_0014, 0xFD61_5000)}
    expected = (1, 1, 0) if BOARDS[name].family is Family.ZYNQMP else (None, None, None)
    assert tuple(widths.values()) == expected


@everywhere
def test_its_interrupt_can_be_waited_for(version: str, probe) -> None:
    """Through the controller: enable, both master bits; then pending, disable, acknowledge."""
    found = probe(version, "pynq-z2")
    assert "gatewright/irq" in found["interrupt_pins"]
    assert found["interrupt"] == [[0x10, 1], [0x1C, 3], [0x04, None], [0x14, 1], [0x0C, 1]]


@for_boards
def test_the_same_arguments_give_the_same_text(name: str) -> None:
    request = request_of(BOARDS[name])
    one, two = (handoff(request.board, request.config, request.clock) for _ in range(2))
    assert one == two
    assert one.isascii()


@for_boards
def test_interrupts_lead_both_ways(name: str) -> None:
    """PYNQ follows a connection from either end."""
    root = ET.fromstring(handoff(BOARDS[name], BOARDS[name].default_config, request_of(BOARDS[name]).clock))
    ends = {
        (module.attrib["INSTANCE"], port.attrib["NAME"]): (link.attrib["INSTANCE"], link.attrib["PORT"])
        for module in root.iter("MODULE")
        for port in module.iter("PORT")
        for link in port.iter("CONNECTION")
    }
    assert len(ends) == 4
    assert all(ends[other] == one for one, other in ends.items())
