"""The processing system's inputs in a bitstream against the netlist."""

from typing import Any

import pytest

from gatewright_hw.build import BuildError
from gatewright_hw.build.openxc7.database import Database
from gatewright_hw.build.openxc7.decoded import Decoded
from gatewright_hw.build.openxc7.frames import read_frames
from gatewright_hw.build.openxc7.netlist import Cell, Netlist
from gatewright_hw.build.openxc7.ps7 import check_ps7

RIGHT = [
    "INT_L_X0Y0.BYP_L0.LOGIC_OUTS_L8",  # IRQF2P0 from the slice
    "INT_L_X0Y0.BYP_L1.GFAN0",  # IRQF2P1 is 0
    "INT_L_X0Y0.GFAN0.GND_WIRE",
    "INT_L_X0Y0.BYP_L3.GFAN0",  # SAXIHP0WID1 is 0; SAXIHP0WID0 is 1, which nothing drives
]


def _check(fabric: Any, features: list[str]) -> int:
    database = Database(fabric.root, "xc7z010clg400-1", "xc7z010")
    decoded = Decoded(database, read_frames(fabric.words(features), database.part))
    pins = {"IRQF2P": (5, "0"), "SAXIHP0WID": ("1", "0"), "DDRA": ("x",), "FCLKCLK": (9,)}
    netlist = Netlist({"ps7": Cell("ps7", "PS7", {}, {}, pins, frozenset({"FCLKCLK"}))})
    pins = {"IRQF2P0": (15,), "IRQF2P1": ("0",), "SAXIHP0WID0": (16,), "SAXIHP0WID1": ("0",)}
    placed = {
        "ps7": Cell("ps7", "PS7_PS7", {}, {"NEXTPNR_BEL": "PS7_X0Y0/PS7"}, pins, frozenset()),
        "lut": Cell("lut", "SLICE_LUTX", {}, {"NEXTPNR_BEL": "SLICE_X0Y0/A6LUT"}, {"O6": (15,)}, frozenset({"O6"})),
    }
    return check_ps7(decoded, netlist, Netlist(placed))


def test_a_right_bitstream_passes(fabric: Any) -> None:
    assert _check(fabric, RIGHT) == 4


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (RIGHT[1:], "IRQF2P0 is driven by constant 1, by a net in the netlist"),
        (RIGHT[:2], "IRQF2P1 is driven by nothing, constant 0 in the netlist"),
        ([RIGHT[0], *RIGHT[2:]], "IRQF2P1 is driven by constant 1, constant 0 in the netlist"),
        ([*RIGHT, "INT_L_X0Y0.BYP_L2.GFAN0"], "SAXIHP0WID0 is driven by constant 0, constant 1 in the netlist"),
        ([*RIGHT, "INT_L_X0Y0.BYP_L2.LOGIC_OUTS_L8"], "SAXIHP0WID0 is driven by CLBLL_L_X2Y0.CLBLL_L_A"),
        ([*RIGHT, "INT_L_X0Y0.BYP_L0.GFAN0"], "IRQF2P0 is driven by nothing"),
    ],
)
def test_a_pin_that_gets_something_else_is_named(fabric: Any, features: list[str], said: str) -> None:
    with pytest.raises(BuildError, match=rf"at PS7 ps7: {said}"):
        _check(fabric, features)


def test_a_driver_that_stands_elsewhere_is_named(fabric: Any) -> None:
    database = Database(fabric.root, "xc7z010clg400-1", "xc7z010")
    decoded = Decoded(database, read_frames(fabric.words(RIGHT), database.part))
    netlist = Netlist({"ps7": Cell("ps7", "PS7", {}, {}, {"IRQF2P": (5, "0")}, frozenset())})
    pins = {"IRQF2P0": (15,), "IRQF2P1": ("0",)}
    placed = {
        "ps7": Cell("ps7", "PS7_PS7", {}, {"NEXTPNR_BEL": "PS7_X0Y0/PS7"}, pins, frozenset()),
        "lut": Cell("lut", "SLICE_LUTX", {}, {"NEXTPNR_BEL": "DSP48_X0Y0/X"}, {"O6": (15,)}, frozenset({"O6"})),
    }
    with pytest.raises(
        BuildError, match=r"IRQF2P0 is driven by CLBLL_L_X2Y0\.CLBLL_L_A, by lut in DSP_L_X1Y0 in the netlist"
    ):
        check_ps7(decoded, netlist, Netlist(placed))


def test_a_netlist_has_one_ps7(fabric: Any) -> None:
    database = Database(fabric.root, "xc7z010clg400-1", "xc7z010")
    with pytest.raises(BuildError, match="has 0 PS7, allowed: one"):
        check_ps7(Decoded(database, {}), Netlist({}), Netlist({}))
