"""The clock of a design with arcs that were not timed."""

from typing import Any

import pytest

from gatewright_hw.build.flow import TimedPath
from gatewright_hw.build.openxc7.bound import MARGIN, arcs, bound
from gatewright_hw.build.openxc7.netlist import Cell, Netlist
from gatewright_hw.build.openxc7.timing import Timing, read_timing


def _cell(kind: str, parameters: dict[str, Any] | None = None, pins: dict[str, Any] | None = None) -> Cell:
    return Cell(kind.lower(), kind, parameters or {}, {}, pins or {}, frozenset())


DSP = {"AREG": "1", "BREG": "1", "CREG": "1", "MREG": "1", "PREG": "1"}


@pytest.mark.parametrize(
    ("cell", "out", "into"),
    [
        (_cell("PS7"), 1.54, 1.09),
        (_cell("RAMB36E1", {"DOA_REG": "0", "DOB_REG": "0"}), 2.46, 0.74),
        (_cell("RAMB18E1", {"DOA_REG": "1", "DOB_REG": "0"}), 2.46, 0.74),
        (_cell("RAMB18E1", {"DOA_REG": "1", "DOB_REG": "1"}), 0.89, 0.74),
        (_cell("DSP48E1", DSP), 0.45, 0.69),
        (_cell("DSP48E1", {**DSP, "PREG": "0"}), 2.31, 0.69),
        (_cell("DSP48E1", {**DSP, "PREG": "0", "MREG": "0"}), 5.93, 0.69),
        (_cell("DSP48E1", {**DSP, "AREG": "0"}), 0.45, 3.37),
        (_cell("DSP48E1", {**DSP, "AREG": "0", "MREG": "0"}), 0.45, 5.47),
        (_cell("DSP48E1", {**DSP, "CREG": "0"}), 0.45, 1.70),
        (_cell("DSP48E1", {**DSP, "OPMODEREG": "0"}, {"OPMODE": ("0", 5)}), 0.45, 2.21),
        (_cell("DSP48E1", {**DSP, "OPMODEREG": "0"}, {"OPMODE": ("0", "1")}), 0.45, 0.69),
        (_cell("DSP48E1", {**DSP, "DREG": "0", "USE_DPORT": "TRUE", "ADREG": "1"}), 0.45, 2.09),
    ],
)
def test_arcs_of_a_cell(cell: Cell, out: float, into: float) -> None:
    found = arcs(cell)
    assert found is not None
    assert (found.out, found.into) == (out, into)


def test_cells_that_are_timed_have_none() -> None:
    assert arcs(_cell("FDRE")) is None


def _timing(mhz: float, stretch: float | None = 2.0) -> Timing:
    return Timing(mhz, "clk", TimedPath("a", "b", 1e3 / mhz, ""), stretch)


CELLS = [_cell("PS7"), _cell("RAMB36E1"), _cell("DSP48E1", {**DSP, "AREG": "0"}), _cell("FDRE")]


@pytest.mark.parametrize(
    ("logic_ns", "period"),
    [(3.0, 10.0 + 2.46 + 3.37), (7.9, 10.0 + 2.46 + 3.37), (8.0, 16.0), (12.0, 24.0)],
)
def test_the_longer_of_both_estimates_bounds_it(logic_ns: float, period: float) -> None:
    found = bound(Netlist({cell.name: cell for cell in CELLS}), _timing(100.0), logic_ns)
    assert found.mhz == pytest.approx(1e3 / (period * MARGIN))
    assert found.untimed == tuple(f"paths from and to {kind}" for kind in ("DSP48E1", "PS7", "RAMB36E1"))
    assert "RAMB36E1" in found.text
    assert "DSP48E1" in found.text
    assert "PS7" not in found.text


def test_without_such_cells_the_margin_is_left() -> None:
    assert bound(Netlist({"ff": _cell("FDRE")}), _timing(110.0), 1.0).mhz == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("stretch", "times"), [(None, 3.0), (1.1, 2.0), (2.0, 2.0), (2.6, 2.6), (3.0, 3.0), (10.0, 3.0)]
)
def test_a_path_s_share_of_wire_stretches_logic_within_limits(stretch: float | None, times: float) -> None:
    """A timed path that is nearly all wire, or nearly all logic, says little of another's wires."""
    found = bound(Netlist({"ff": _cell("FDRE")}), _timing(100.0, stretch), 8.0)
    assert found.mhz == pytest.approx(1e3 / (8.0 * times * MARGIN))
    assert f"{times:.2g} times the slowest logic" in found.text


ALL_WIRE = """Info: Critical path report for clock 'clk' (posedge -> posedge):
Info:  0.5  0.5  Source core.a_ff.Q
Info:  9.0  9.5    Net core.a budget 9.100000 ns (1,1) -> (60,90)
Info:                Sink core.b_ff.D
Info:  0.5  10.0  Setup core.b_ff.D
Info: 1.0 ns logic, 9.0 ns routing
Info: Max frequency for clock 'clk': 100.00 MHz (PASS at 50.00 MHz)
"""


def test_a_worst_path_of_wire_alone_leaves_the_board_its_first_clock() -> None:
    """With 4 ns of logic and a memory: not 22.7 MHz, as ten times the logic would give."""
    found = bound(Netlist({cell.name: cell for cell in CELLS}), read_timing(ALL_WIRE), 4.0)
    assert found.mhz == pytest.approx(1e3 / ((10.0 + 2.46 + 3.37) * MARGIN))
    assert found.mhz > 50.0
