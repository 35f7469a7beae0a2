"""Registers of rare control sets are placed first: their names come last, and nothing but names changes."""

import copy
from typing import Any

from gatewright_hw.build.openxc7.netlist import Netlist
from gatewright_hw.build.openxc7.order import order_registers


def _register(net: int, data: Any, enable: Any = "1", reset: Any = "0", kind: str = "FDRE") -> dict[str, Any]:
    reset_pin = {"FDRE": "R", "FDSE": "S", "FDPE": "PRE"}[kind]
    pins = {"C": [1], "CE": [enable], reset_pin: [reset], "D": [data], "Q": [net]}
    ways = {pin: "output" if pin == "Q" else "input" for pin in pins}
    return {"type": kind, "connections": pins, "port_directions": ways, "parameters": {"net": str(net)}}


def _lut(net: int, source: int, kind: str = "LUT1") -> dict[str, Any]:
    pins = {"I0": [source], "O": [net]}
    return {"type": kind, "connections": pins, "port_directions": {"I0": "input", "O": "output"}, "parameters": {}}


CELLS = {
    "often$1": _register(10, 40),
    "often$2": _register(11, 40),
    "often$3": _register(12, 41),
    "rare$1": _register(13, 42, enable=5),
    "rare$2": _register(16, 40, enable=7),
    "set$1": _register(14, "0", reset=6, kind="FDSE"),
    "set$2": _register(15, "0", reset=6, kind="FDPE"),
    "lut$shared": _lut(40, 12),
    "lut$often": _lut(41, 12),
    "lut$rare": _lut(42, 12, "LUT6"),
    "lut$logic": _lut(43, 10),
    "dsp": {"type": "DSP48E1", "connections": {"A": [43]}, "port_directions": {"A": "input"}},
}


def _placed(module: dict[str, Any]) -> list[str]:
    """The cells in the order in which they are placed, by the names that they had."""
    former = {id(cell): name for name, cell in module["before"].items()}
    return [former[id(module["cells"][name])] for name in sorted(module["cells"], reverse=True)]


def _ordered() -> dict[str, Any]:
    cells = copy.deepcopy(CELLS)
    module = {"cells": dict(cells), "netnames": {}, "before": cells}
    order_registers(module)
    return module


def test_the_rarer_the_control_set_the_earlier() -> None:
    registers = [name for name in _placed(_ordered()) if CELLS[name]["type"].startswith("FD")]
    assert set(registers[:4]) == {"rare$1", "rare$2", "set$1", "set$2"}, (
        "an enable of its own; a reset that waits, one that does not"
    )
    assert set(registers[4:]) == {"often$1", "often$2", "often$3"}


def test_look_up_tables_come_with_the_register_that_they_drive() -> None:
    """Place and route joins them whatever else the table drives, and of several registers takes the first by name."""
    placed = _placed(_ordered())
    assert placed.index("lut$rare") < placed.index("rare$1") < placed.index("lut$often") < placed.index("often$3")
    assert placed.index("rare$2") < placed.index("lut$shared") < placed.index("often$2")
    assert set(placed[-2:]) == {"dsp", "lut$logic"}


def test_nothing_but_names_changes() -> None:
    module = _ordered()
    assert sorted(map(str, module["cells"].values())) == sorted(map(str, CELLS.values()))
    assert len(Netlist.of(module).cells) == len(CELLS)
    assert "dsp" in module["cells"], "what is looked for in the bitstream keeps its name"
