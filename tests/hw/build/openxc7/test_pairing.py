"""Multipliers in pairs: as many tiles as a part has are enough, and no multiplier takes in another's sum."""

import copy
from typing import Any

import pytest

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.openxc7.netlist import Netlist
from gatewright_hw.build.openxc7.pairing import pair_multipliers

MULTIPLIES, ADDS_CASCADE, CHANGES = list("1010000"), list("1010100"), ["1", "0", "1", "0", 900, "0", "0"]
"""OPMODE, least bit first: Z is 0; Z is PCIN; Z is 0 or PCIN."""


def _dsp(name: str, opmode: list[Any] = MULTIPLIES, inverted: str = "", **pins: list[Any]) -> dict[str, Any]:
    connections = {"OPMODE": opmode, "PCIN": ["0"] * 48, "PCOUT": [], "P": [7], **pins}
    directions = {pin: "output" if pin in ("PCOUT", "P", "ACOUT") else "input" for pin in connections}
    attributes = {"scopename": name.split("$", maxsplit=1)[0]}
    cell = {"type": "DSP48E1", "connections": connections, "port_directions": directions, "attributes": attributes}
    return cell | ({"parameters": {"IS_OPMODE_INVERTED": inverted}} if inverted else {})


def _module(cells: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"cells": cells, "netnames": {"top": {"bits": [1000]}}}


def _joined(module: dict[str, Any]) -> dict[str, str]:
    """Of each cell with a cascade, the cell that it comes from."""
    netlist = Netlist.of(module)
    cascades = {
        name: [bit for bit in cell.pins["PCIN"] if isinstance(bit, int)] for name, cell in netlist.cells.items()
    }
    return {name: netlist.drivers[bits[0]][0].name for name, bits in cascades.items() if bits}


@pytest.mark.parametrize("count", [5, 6, 8])
def test_more_multipliers_than_tiles_come_to_lie_in_pairs(count: int) -> None:
    module = _module({f"m$dsp{i}": _dsp(f"m$dsp{i}") for i in range(count)})
    before = copy.deepcopy(module)
    assert pair_multipliers(module, 4) == count // 2
    joined = _joined(module)
    assert len(joined) == count // 2
    assert not set(joined) & set(joined.values())
    for name, cell in module["cells"].items():
        assert cell["connections"]["P"] == before["cells"][name]["connections"]["P"]
        assert cell["connections"]["PCIN"][1:] == ["0"] * 47
    nets = [bit for cell in module["cells"].values() for bit in cell["connections"]["PCOUT"][:1]]
    assert len(set(nets)) == len(nets) == count // 2
    assert min(nets) > 1000, "wires of their own"


def test_where_there_are_tiles_enough_nothing_changes() -> None:
    module = _module({f"m$dsp{i}": _dsp(f"m$dsp{i}") for i in range(4)})
    before = copy.deepcopy(module)
    assert pair_multipliers(module, 4) == 0
    assert module == before


def test_neighbours_of_the_hierarchy_share_a_tile() -> None:
    names = ["a$3", "b$1", "a$1", "b$2"]
    module = _module({name: _dsp(name) for name in names})
    pair_multipliers(module, 2)
    assert _joined(module) == {"a$3": "a$1", "b$2": "b$1"}


@pytest.mark.parametrize("opmode", [ADDS_CASCADE, CHANGES, []])
def test_a_multiplier_that_may_add_the_cascade_is_never_the_upper(opmode: list[Any]) -> None:
    """It would take in its neighbour's sum. Two such stay alone."""
    cells = {"a$1": _dsp("a$1"), "a$2": _dsp("a$2", opmode), "a$3": _dsp("a$3", opmode), "a$4": _dsp("a$4", opmode)}
    module = _module(cells)
    assert pair_multipliers(module, 3) == 1
    assert _joined(module) == {"a$1": "a$2"}


@pytest.mark.parametrize(
    ("opmode", "inverted", "upper"),
    [
        (MULTIPLIES, "0010000", False),  # Z is PCIN
        (MULTIPLIES, "0110000", True),  # Z is C
        (ADDS_CASCADE, "0010000", True),  # Z is 0
        (ADDS_CASCADE, "0000001", False),
        (CHANGES, "0100000", True),  # Z is P or C
        (CHANGES, "0010000", False),
    ],
)
def test_what_is_inverted_inside_counts_as_it_arrives(opmode: list[Any], inverted: str, upper: bool) -> None:
    cells = {"a$1": _dsp("a$1"), "a$2": _dsp("a$2", opmode, inverted)}
    pairs = _module(cells)
    pair_multipliers(pairs, 1)
    assert _joined(pairs) == ({"a$2": "a$1"} if upper else {"a$1": "a$2"})


@pytest.mark.parametrize(("opmode", "needed"), [(MULTIPLIES, 3), (ADDS_CASCADE, 5)])
def test_more_than_pairs_can_help_is_refused(opmode: list[Any], needed: int) -> None:
    module = _module({f"a${i}": _dsp(f"a${i}", opmode) for i in range(5)})
    with pytest.raises(BuildError, match=f"5 DSP48E1 need {needed} tiles, .* allowed: 2, all that the part has"):
        pair_multipliers(module, 2)


def test_a_real_cascade_stays_as_it_is() -> None:
    chain = [50 + i for i in range(48)]
    cells = {"a$1": _dsp("a$1", PCOUT=chain), "a$2": _dsp("a$2", ADDS_CASCADE, PCIN=chain)}
    module = _module(cells | {f"b${i}": _dsp(f"b${i}") for i in range(4)})
    assert pair_multipliers(module, 3) == 2
    assert module["cells"]["a$2"]["connections"]["PCIN"] == module["cells"]["a$1"]["connections"]["PCOUT"] == chain
    assert _joined(module) == {"a$2": "a$1", "b$1": "b$0", "b$3": "b$2"}
