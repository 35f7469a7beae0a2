"""Clock buffers of rows in a bitstream: those that are used are enabled."""

from typing import Any

import pytest

from gatewright_hw.build import BuildError
from gatewright_hw.build.openxc7.clocks import check_clock_buffers
from gatewright_hw.build.openxc7.database import Database
from gatewright_hw.build.openxc7.decoded import Decoded
from gatewright_hw.build.openxc7.frames import read_frames

USED, PLAIN = (f"CLK_HROW_BOT_R_X4Y0.BUFHCE.BUFHCE_X0Y1.{name}" for name in ("IN_USE", "ZINV_CE"))
GROUND = ["INT_L_X0Y4.IMUX_L4.GFAN0", "INT_L_X0Y4.GFAN0.GND_WIRE"]
NET = "INT_L_X0Y4.IMUX_L4.LOGIC_OUTS_L8"


def _decoded(fabric: Any, features: list[str]) -> Decoded:
    database = Database(fabric.root, "xc7z010clg400-1", "xc7z010")
    return Decoded(database, read_frames(fabric.words(features), database.part))


@pytest.mark.parametrize(
    ("features", "used"),
    [([], 0), (GROUND, 0), ([USED, PLAIN], 1), ([USED, *GROUND], 1)],
    ids=["none", "one that is off and not used", "on", "off, inverted"],
)
def test_what_is_enabled(fabric: Any, features: list[str], used: int) -> None:
    assert check_clock_buffers(_decoded(fabric, features)) == used


@pytest.mark.parametrize(
    ("features", "said"),
    [([USED], "constant 1"), ([USED, PLAIN, *GROUND], "constant 0"), ([USED, PLAIN, NET], "CLBLL_L_X2Y0")],
    ids=["on, inverted", "off", "by a net"],
)
def test_what_is_not(fabric: Any, features: list[str], said: str) -> None:
    with pytest.raises(BuildError, match=f"clock buffer BUFHCE_X0Y1 is not enabled: its enable is driven by {said}"):
        check_clock_buffers(_decoded(fabric, features))


def test_a_clock_is_followed_through_a_buffer(fabric: Any) -> None:
    decoded = _decoded(fabric, [USED, PLAIN])
    tile, wire = decoded.database.site_wire("BUFHCE_X0Y1", "O")
    assert decoded._driver(tile, wire) == (tile, "MUX_OUT_L1")
