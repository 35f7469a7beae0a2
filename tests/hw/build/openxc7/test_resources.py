"""Whether a netlist fits its part."""

import pytest

from gatewright_hw.build import BuildError
from gatewright_hw.build.openxc7.netlist import Cell, Netlist
from gatewright_hw.build.openxc7.resources import check_fits, utilisation


def _netlist(**cells: int) -> Netlist:
    names = [(f"{kind}{i}", kind) for kind, count in cells.items() for i in range(count)]
    return Netlist({name: Cell(name, kind, {}, {}, {}, frozenset()) for name, kind in names})


def test_cells_are_counted_by_resource() -> None:
    netlist = _netlist(LUT6=5, FDRE=7, RAMB18E1=3, DSP48E1=2, BUFG=1, PS7=1)
    assert utilisation(netlist) == {"lut": 5, "ff": 7, "bram36": 1.5, "dsp": 2}


@pytest.mark.parametrize(
    ("cells", "remarks"), [({"DSP48E1": 80, "RAMB36E1": 60}, 0), ({"LUT6": 17_600}, 0), ({"LUT2": 17_601}, 1)]
)
def test_what_fits(cells: dict[str, int], remarks: int) -> None:
    assert len(check_fits(_netlist(**cells), "xc7z010")) == remarks


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"DSP48E1": 81}, "81 dsp48e1 of the 80 that xc7z010"),
        ({"RAMB18E1": 121}, "60.5 bram36 of the 60"),
        ({"FDRE": 35_201}, "35,201 ff of the 35,200"),
        ({"LUT2": 35_201}, "35,201 lut of the 35,200"),
    ],
)
def test_what_does_not(cells: dict[str, int], said: str) -> None:
    with pytest.raises(BuildError, match=said):
        check_fits(_netlist(**cells), "xc7z010")


def test_a_cell_that_was_not_mapped() -> None:
    netlist = Netlist({"memory": Cell("memory", "$mem_v2", {}, {}, {}, frozenset())})
    with pytest.raises(BuildError, match=r"synthesis: 1 cells of type \$mem_v2 were not mapped"):
        utilisation(netlist)
