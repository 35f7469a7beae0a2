"""The area report: cell costs, and one small design through Yosys."""

import json
from pathlib import Path

import pytest

from gatewright.spec.config import CONFIGS
from gatewright_hw.area import LIMITS, PARTS, Area, AreaError, area_of_cells, main, measure
from gatewright_hw.parts.stream_register import StreamRegister
from gatewright_hw.verilog import to_verilog
from gatewright_hw.yosys import YosysFails


def test_cells_are_added_up() -> None:
    cells = {
        "LUT1": 1, "LUT6": 10, "INV": 2, "SRL16E": 3, "RAM32M": 4, "RAM64X1D": 5,  # 1 + 10 + 2 + 3 + 16 + 10 LUTs
        "FDRE": 7, "FDSE": 1, "RAMB36E1": 2, "RAMB18E1": 3, "DSP48E1": 4, "CARRY4": 100, "MUXF7": 9, "BUFG": 1,
        "$scopeinfo": 5,
    }  # fmt: skip
    assert area_of_cells(cells) == Area(lut=42, ff=8, bram36=3.5, dsp48e1=4)


def test_shares() -> None:
    assert Area(5320, 10640, 70, 220).share_of(PARTS["xc7z020"]) == {
        "lut": 0.1,
        "ff": 0.1,
        "bram36": 0.5,
        "dsp48e1": 1.0,
    }


def test_unmapped_cells_are_an_error() -> None:
    with pytest.raises(AreaError, match=r"3 cells of type \$mem_v2 were not mapped"):
        area_of_cells({"$mem_v2": 3})


def test_bad_verilog_is_an_error() -> None:
    with pytest.raises(YosysFails, match="Yosys ended with code 1: "):
        measure("module broken(", "broken")


def test_a_small_design() -> None:
    area = measure(to_verilog(StreamRegister(8), "stream_register"), "stream_register")
    assert area.ff == 2 * 8 + 2
    assert 8 <= area.lut <= 24
    assert area.bram36 == area.dsp48e1 == 0


@pytest.mark.slow
@pytest.mark.parametrize("config", sorted(CONFIGS.keys() - {"pynq-z2"}))  # of which `make area` sees to itself
def test_a_configurations_part_is_the_smallest_that_it_fits(config: str, tmp_path: Path) -> None:
    assert main(["--config", config, "--json", str(tmp_path / "area.json")]) == 0
    area = Area(**json.loads((tmp_path / "area.json").read_text())["area"])
    fitting = [name for name, part in sorted(PARTS.items()) if _fits(area, part)]
    assert fitting[0] == CONFIGS[config].part


def _fits(area: Area, part: Area) -> bool:
    return all(share <= LIMITS[resource] for resource, share in area.share_of(part).items())
