"""Timing of the logic: delays of cells, the longest path, and the module that it ends in."""

import re
from typing import Any

import pytest

import gatewright_hw.timing.__main__ as command
from gatewright_hw.build.openxc7.netlist import Netlist
from gatewright_hw.synthesis import synthesised
from gatewright_hw.timing import Library, TimingError, analyse, load_library

LUT2, FDRE = 0.238, 0.303
"""Slowest input to output, and clock to output (cells_sim.v of Yosys)."""


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


def cell(kind: str, outputs: str, scope: str = "", parameters: dict | None = None, **pins: Any) -> dict[str, Any]:
    """A cell of a netlist; a pin is one net, or a list of them."""
    return {
        "type": kind,
        "parameters": parameters or {},
        "attributes": {"scopename": scope} if scope else {},
        "port_directions": {pin: "output" if pin in outputs.split() else "input" for pin in pins},
        "connections": {pin: nets if isinstance(nets, list) else [nets] for pin, nets in pins.items()},
    }


def module(names: dict[str, int] | None = None, **cells: dict[str, Any]) -> dict[str, Any]:
    nets = {name: {"hide_name": 0, "bits": [bit]} for name, bit in (names or {}).items()}
    return {"cells": {name.replace("__", "$"): entry for name, entry in cells.items()}, "netnames": nets}


def flip_flop(d: int, q: int, scope: str = "", **more: Any) -> dict[str, Any]:
    return cell("FDRE", "Q", scope, C=1, CE="1", R="0", D=d, Q=q, **more)


def test_cells_on_a_path_add_up(library: Library) -> None:
    found = analyse(
        module(
            {"a.start": 10, "b.stop": 13},
            __first=flip_flop(12, 10, "a"),
            __one=cell("LUT2", "O", I0=10, I1="0", O=11),
            __two=cell("LUT2", "O", I0=11, I1=10, O=12),
            __last=flip_flop(12, 13, "b c d"),
        ),
        library,
    )
    assert [path.module for path in found] == ["b.c", "a"] or [path.module for path in found] == ["a", "b.c"]
    worst = next(path for path in found if path.module == "b.c")
    assert worst.ns == pytest.approx(FDRE + 2 * LUT2)
    assert [step.kind for step in worst.steps] == ["FDRE", "LUT2", "LUT2", "FDRE"]
    assert sum(step.ns for step in worst.steps) == pytest.approx(worst.ns)
    assert (worst.start, worst.end) == ("a.start", "b.stop")


@pytest.mark.parametrize(("depth", "modules"), [(1, ["a"]), (2, ["a.b", "a.c"]), (3, ["a.b", "a.c"])])
def test_modules_are_told_apart_as_deep_as_asked(depth: int, modules: list[str], library: Library) -> None:
    cells = {"__x": flip_flop(11, 10, "a b"), "__y": flip_flop(10, 11, "a c")}
    assert sorted(path.module for path in analyse(module(**cells), library, depth)) == modules


def test_what_has_no_name_is_called_by_its_place(library: Library) -> None:
    shift = cell("SRL16E", "Q", "a rows$185", CLK=1, CE="1", A0="0", A1="0", A2="0", A3="0", D=9, Q=10)
    found = {path.module: path for path in analyse(module(__s=shift, __out=flip_flop(10, 9, "out")), library)}
    assert (found["out"].start, found["out"].ns) == ("SRL16E in a.rows", pytest.approx(1.472))
    assert found["a.rows"].end == "SRL16E in a.rows"


@pytest.mark.parametrize(
    ("pin", "ns"), [("D", 0.0), ("CE", 0.109), ("R", 0.404)]
)  # fmt: skip
def test_set_up_of_a_flip_flop(pin: str, ns: float, library: Library) -> None:
    last = flip_flop(9, 11)
    last["connections"][pin] = [10]
    (path,) = analyse(module(__first=flip_flop(8, 10), __last=last), library)
    assert path.ns == pytest.approx(FDRE + ns)


DSP = {"AREG": "1", "BREG": "1", "MREG": "0", "PREG": "1"}


@pytest.mark.parametrize(
    ("parameters", "out", "into"),
    [
        (DSP, 0.45, 0.69),
        ({**DSP, "PREG": "0", "MREG": "1"}, 2.31, 0.69),
        ({**DSP, "AREG": "0"}, 0.45, 5.47),
        ({**DSP, "AREG": "0", "MREG": "1"}, 0.45, 3.37),
    ],
)
def test_a_multiplier_s_registers_count(parameters: dict, out: float, into: float, library: Library) -> None:
    """DS187, table of DSP48E1."""
    parameters = {name: value.rjust(32, "0") for name, value in parameters.items()}
    constants = {"OPMODE": ["0"] * 7, "ALUMODE": ["0"] * 4, "C": ["0"] * 48}
    multiplier = cell("DSP48E1", "P", "mac", parameters, CLK=1, A=[10], B=["1"], P=[11], **constants)
    found = {path.module: path for path in analyse(
        module(__in=flip_flop(9, 10), __mac=multiplier, __out=flip_flop(11, 12, "out")), library
    )}  # fmt: skip
    assert found["mac"].ns == pytest.approx(FDRE + into)
    assert found["out"].ns == pytest.approx(out)


@pytest.mark.parametrize(("registered", "ns"), [("0", 2.46), ("1", 0.89)])
def test_a_memory_s_output_register_counts(registered: str, ns: float, library: Library) -> None:
    parameters = {f"DO{port}_REG": registered.rjust(32, "0") for port in "AB"}
    memory = cell("RAMB18E1", "DOADO", "", parameters, CLKARDCLK=1, ADDRARDADDR=[10, "0"], DOADO=[11])
    cells = {"a.mem.0.0": memory, "__in": flip_flop(9, 10), "__out": flip_flop(11, 12, "out")}
    found = {path.module: path.ns for path in analyse(module(**cells), library)}
    assert found == {"a": pytest.approx(FDRE + 0.74), "out": pytest.approx(ns)}


def test_carry_chains_have_an_arc_for_each_pair(library: Library) -> None:
    (cell_,) = Netlist.of(module(__c=cell("CARRY4", "O CO", CI=1, S=[2, 3, 4, 5], O=[6, 7, 8, 9]))).cells.values()
    through = library.of(cell_).through
    assert dict(through["O", 3])["CI", 0] == 0.313
    assert dict(through["CO", 3])["CI", 0] == 0.114
    assert dict(through["O", 0])["S", 0] == 0.223


def test_a_loop_is_an_error(library: Library) -> None:
    cells = {"__x": cell("LUT2", "O", I0=10, I1="0", O=11), "__y": cell("LUT2", "O", I0=11, I1="0", O=10)}
    with pytest.raises(TimingError, match="a loop of logic, through nets"):
        analyse(module(**cells), library)


@pytest.mark.parametrize("kind", ["$mem_v2", "STARTUPE2", "RAM256X1S"])
def test_a_cell_without_delays_is_an_error(kind: str, library: Library) -> None:
    """None passes for a wire."""
    name = kind.replace("$", r"\$")
    with pytest.raises(TimingError, match=rf"no delays are known of cells {name}"):
        analyse(module(__x=cell(kind, "Q", Q=10)), library)


VERILOG = """
module sub(input clk, input [7:0] a, output reg [7:0] q);
  always @(posedge clk) q <= q + a;
endmodule
module top(input clk, input [7:0] a, output reg o);
  wire [7:0] q;
  sub adder(clk, a, q);
  always @(posedge clk) o <= ^q;
endmodule
"""


def test_from_verilog_to_paths(library: Library, shared_cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(shared_cache))
    found = {path.module: path for path in analyse(synthesised(VERILOG, "top"), library)}
    assert set(found) == {"adder", ""}
    assert "CARRY4" in [step.kind for step in found["adder"].steps]
    first, *logic, last = (step.kind for step in found[""].steps)
    assert (first, last) == ("FDRE", "FDRE")
    assert all(kind.startswith("LUT") for kind in logic)
    assert found[""].end == "o"


def test_the_table_names_modules_and_cells(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    cells = {f"__{i}": cell("LUT2", "O", I0=10 + i, I1="0", O=11 + i) for i in range(3)}
    toy = module({"a.x": 10, "b.y": 14}, __in=flip_flop(9, 10, "a"), __out=flip_flop(13, 14, "b"), **cells)
    monkeypatch.setattr(command, "synthesised", lambda text, top: toy)
    assert command.main(["--config", "tiny"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  1\.02  b +FDRE 0\.30 > LUT2 x3 0\.71 > FDRE 0\.00$", out, re.MULTILINE)
    assert "worst: from a.x to b.y" in out
    assert "no clock follows" in out
