"""DSP48E1s in a bitstream against their cells: whatever is flipped is found, by the cell's name."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from gatewright_hw.build import BuildError
from gatewright_hw.build.openxc7.database import Database
from gatewright_hw.build.openxc7.decoded import Decoded
from gatewright_hw.build.openxc7.dsp import check_dsps
from gatewright_hw.build.openxc7.frames import read_frames
from gatewright_hw.build.openxc7.netlist import Cell, Netlist

TILE = "DSP_L_X1Y0"
REGISTERS = ["AD", "ALUMODE", "CARRYIN", "CARRYINSEL", "C", "D", "INMODE", "M", "OPMODE", "P"]


def _cell(name: str, parameters: dict[str, Any] | None = None, pins: dict[str, Any] | None = None) -> Cell:
    """A multiplier with registers at A, B, M and P that adds C; as Yosys writes it."""
    given = {f"{name}REG": "0" for name in REGISTERS} | {"MREG": "1", "PREG": "1", "AREG": f"{1:032b}", "BREG": "1"}
    given |= {"USE_SIMD": "ONE48", "A_INPUT": "DIRECT ", **(parameters or {})}
    connections: dict[str, Any] = {
        "OPMODE": "1011011",
        "ALUMODE": "0000",
        "INMODE": "00100",
        "CARRYINSEL": "000",
        "CARRYIN": "0",
    }
    connections |= pins or {}
    bits = {pin: tuple(text) for pin, text in connections.items()}
    return Cell(name, "DSP48E1", given, {"NEXTPNR_BEL": ""}, bits, frozenset({"P"}))


def _single(cell: Cell) -> dict[str, Any]:
    """A cell's pins after place and route, each with its index in its name."""
    return {
        f"{port}{index}" if len(bits) > 1 else port: (bit,)
        for port, bits in cell.pins.items()
        for index, bit in enumerate(bits)
    }


def _check(fabric: Any, features: list[str], cells: list[Cell], driver: str = "SLICE_X0Y0") -> int:
    database = Database(fabric.root, "xc7z010clg400-1", "xc7z010")
    decoded = Decoded(database, read_frames(fabric.words(features), database.part))
    placed = {
        cell.name: Cell(cell.name, cell.kind, {}, {"NEXTPNR_BEL": f"DSP48_X0Y{s}/DSP48E1"}, _single(cell), frozenset())
        for s, cell in enumerate(cells)
    }
    placed["lut"] = Cell("lut", "", {}, {"NEXTPNR_BEL": f"{driver}/A6LUT"}, {"O6": (7,)}, frozenset({"O6"}))
    return check_dsps(decoded, Netlist({cell.name: cell for cell in cells}), Netlist(placed))


CELLS = {
    "plain": _cell("low"),
    "two stages of A, none of B": _cell("low", {"AREG": "10", "BREG": "0"}),
    "inverted constants": _cell("low", {"IS_INMODE_INVERTED": "10001", "IS_OPMODE_INVERTED": "1000001"}),
    "operating mode by nets": _cell("low", pins={"OPMODE": (7, 7, "0", "1", 7, 7, 7)}),
    "inverted nets": _cell("low", {"IS_ALUMODE_INVERTED": "0011"}, {"ALUMODE": (7, 7, "0", "0")}),
    "input mode by nets": _cell("low", pins={"INMODE": (7, 7, 7, 7, "0")}),
    "pattern of registers": _cell("low", {f"{name}REG": "1" for name in REGISTERS[::2]}),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("s", [0, 1])
def test_a_right_bitstream_passes(fabric: Any, name: str, s: int) -> None:
    cells = [CELLS["plain"], CELLS["plain"]]
    cells[s] = CELLS[name]
    named = [
        Cell(f"cell{i}", *(getattr(cell, part) for part in ("kind", "parameters", "attributes", "pins", "outputs")))
        for i, cell in enumerate(cells)
    ]
    features = fabric.dsp_features(named)
    assert _check(fabric, features, named) == 2


def _all_features(fabric: Any) -> Iterator[str]:
    yield from (f"{TILE}.{name}" for name in fabric.bits["DSP_L"])


def test_every_flipped_bit_of_a_slice_is_found(fabric: Any) -> None:
    """Each kind of parameter and each switch of both slices, one after the other."""
    cells = [_cell("core.low"), _cell("core.high")]
    right = fabric.dsp_features(cells)
    assert _check(fabric, right, cells) == 2
    for feature in _all_features(fabric):
        wrong = [name for name in right if name != feature] if feature in right else [*right, feature]
        slice_ = 1 if ".DSP_1" in feature else 0
        with pytest.raises(BuildError, match=re.escape(cells[slice_].name)):
            _check(fabric, wrong, cells)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: [*f, f"{TILE}.DSP_0_INMODE0.DSP_VCC_L"], r"INMODE0 is tied to 0 and 1"),
        (lambda f: [n for n in f if "DSP_0_INMODE2" not in n], r"INMODE2 is tied to nothing"),
        (lambda f: [n for n in f if "DSP_0.ZIS_ALUMODE_INVERTED[3]" not in n], r"ALUMODE3 is tied to 0, inverted,"),
        (lambda f: [n for n in f if "DSP_0.ZIS_OPMODE_INVERTED[0]" not in n], r"OPMODE0 is 0 at DSP48_X0Y0, 1 in"),
        (lambda f: [n for n in f if "DSP_0.ZPREG" not in n] + [f"{TILE}.DSP48.DSP_0.ZPREG[0]"], r"ZPREG\[0\] is set"),
    ],
)
def test_what_is_said_of_known_bugs(fabric: Any, change: Any, said: str) -> None:
    cells = [_cell("core.low"), _cell("core.high")]
    right = fabric.dsp_features(cells)
    with pytest.raises(BuildError, match=rf"DSP48E1 core\.low: {said}"):
        _check(fabric, change(right), cells)


def test_a_constant_that_a_net_replaces_and_a_net_that_a_constant_replaces(fabric: Any) -> None:
    constant, driven = _cell("core.low"), _cell("core.low", pins={"OPMODE": (7, *"011011")})
    high = _cell("core.high")
    for built, wanted, said in ((driven, constant, "constant 1 in the netlist"), (constant, driven, "by a net in the")):
        features = fabric.dsp_features([built, high])
        with pytest.raises(BuildError, match=rf"core\.low: OPMODE0 is driven by .*{said}"):
            _check(fabric, features, [wanted, high])


def test_a_net_from_elsewhere(fabric: Any) -> None:
    cells = [_cell("core.low", pins={"OPMODE": (7, *"011011")}), _cell("core.high")]
    features = fabric.dsp_features(cells)
    assert _check(fabric, features, cells) == 2
    with pytest.raises(
        BuildError, match=r"core\.low: OPMODE0 is driven by CLBLL_L_X2Y0\.CLBLL_L_A, by lut in PSS2_X0Y0"
    ):
        _check(fabric, features, cells, driver="PS7_X0Y0")


def test_a_cell_without_a_site(fabric: Any) -> None:
    database = Database(fabric.root, "xc7z010clg400-1", "xc7z010")
    decoded = Decoded(database, read_frames(fabric.words([]), database.part))
    with pytest.raises(BuildError, match=r"left no site for the cell core\.low"):
        check_dsps(decoded, Netlist({"core.low": _cell("core.low")}), Netlist({}))
