"""The flow with programs that only pretend: what they are told, and what becomes of their failures.

The pretended synthesis gives a netlist of a PS7 and two DSP48E1, the pretended place and route puts them on the made-up
part, and the last two programs give a right bitstream, unless a test says otherwise.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gatewright.artefact import BitFile, load_built
from gatewright.artefact.manifest import NOT_YET_RUN
from gatewright.spec.boards import get_board
from gatewright_hw.build import BuildError, Request, build
from gatewright_hw.build.openxc7 import flow as flow_module

ZYBO = get_board("zybo-z7-10")
TOP = "gatewright_zybo_z7_10"
REGISTERS = ["AD", "ALUMODE", "CARRYIN", "CARRYINSEL", "C", "D", "INMODE", "M", "OPMODE", "P"]
PS7_FEATURES = ["INT_L_X0Y0.BYP_L1.GFAN0", "INT_L_X0Y0.GFAN0.GND_WIRE"]

PRETEND = """#!{python}
import json, pathlib, shutil, sys, time
home, name, given = pathlib.Path({home!r}), {name!r}, sys.argv[1:]
with (home / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([name, *given]) + "\\n")
does = json.loads((home / "does.json").read_text()).get(name, "well")
if given in (["--version"], ["-V"]):
    print('Yosys 0.70' if name == "yosys" else (home / "version").read_text())
    sys.exit()
if does == "fail":
    print("ERROR: it cannot be done")
    print("bye")
    sys.exit(1)
value = lambda option: given[given.index(option) + 1]
if does.startswith("fail with") and value("--seed") in does:
    print(f"ERROR: no route with seed {{value('--seed')}}")
    sys.exit(1)
if does == "hang":
    time.sleep(600)
made = {{
    "yosys": ["netlist.json"],
    "nextpnr-xilinx": ["placed.json", "design.fasm"],
    "fasm2frames": ["design.frames"],
    "xc7frames2bit": ["design.bit"],
}}[name]
names = {{"nextpnr-xilinx": ("--write", "--fasm"), "xc7frames2bit": ("--output_file",)}}.get(name)
out = [value(option) for option in names] if names else [given[-1]] if name == "fasm2frames" else made
for source, target in zip(made, out):
    if does == "empty":
        open(target, "w").close()
    elif does == "well" or does.startswith("fail with"):
        shutil.copy(home / source, target)
if name == "nextpnr-xilinx":
    mhz = json.loads((home / "mhz.json").read_text())[int(value("--seed")) - 1]
    print("Info: Critical path report for clock 'core.clk' (posedge -> posedge):")
    print("Info:  0.5  0.5  Source core.accelerator.sequencer.state_ff.Q")
    print("Info:  0.1  9.9  Setup core.accelerator.gemm.address_ff.D")
    print("Info: 5.0 ns logic, 4.9 ns routing")
    print(f"Info: Max frequency for clock 'core.clk': {{mhz}} MHz (PASS at 12.00 MHz)")
"""


class Pretended:
    """An installation of openXC7 that gives what ``home`` holds."""

    def __init__(self, home: Path, fabric: Any) -> None:
        self.home, self.fabric = home, fabric
        home.mkdir()
        for name in ("yosys", "nextpnr-xilinx", "fasm2frames", "xc7frames2bit"):
            path = home / name
            path.write_text(PRETEND.format(python=sys.executable, home=str(home), name=name))
            path.chmod(0o755)
        (home / "version").write_text("(Version 2026-10-01)")
        (home / "xc7z010clg400.bin").write_text("chip")
        self.does({})
        self.gives_mhz(*[100.0] * flow_module.SEEDS)
        cells = {f"core.dsp{s}": _dsp() for s in (0, 1)}
        pins = {"IRQF2P": ["1", "0"], "SAXIHP0WID": ["1", "1"]}
        cells["ps7"] = {"type": "PS7", "connections": pins}
        _netlist(home / "netlist.json", cells)
        sites = {"core.dsp0": "DSP48_X0Y0/DSP48E1", "core.dsp1": "DSP48_X0Y1/DSP48E1", "ps7": "PS7_X0Y0/PS7"}
        placed = {n: {"type": "X", "connections": {}, "attributes": {"NEXTPNR_BEL": at}} for n, at in sites.items()}
        _netlist(home / "placed.json", placed)
        (home / "design.fasm").write_text("features")
        (home / "design.frames").write_text("frames")
        slices = fabric.dsp_features([_as_cell(cells["core.dsp0"])] * 2)
        self.features = list(dict.fromkeys([*slices, *PS7_FEATURES]))
        self.gives(self.features)

    def gives(self, features: list[str], **options: Any) -> None:
        """The bitstream has these features."""
        words = self.fabric.words(features, **options)
        bit = BitFile("design.frames;Generator=xc7frames2bit", "xc7z010clg400-1", "2026/10/01", "00:00:00", words)
        (self.home / "design.bit").write_bytes(bit.to_bytes())

    def gives_mhz(self, *mhz: float) -> None:
        """What is routed with each seed."""
        (self.home / "mhz.json").write_text(json.dumps(mhz))

    def does(self, what: dict[str, str]) -> None:
        """How programs end: ``fail`` (``with 1 2``: these seeds), ``hang``, or by ``nothing`` or ``empty`` files."""
        (self.home / "does.json").write_text(json.dumps(what))

    @property
    def calls(self) -> list[list[str]]:
        """Command lines, without those that ask for versions."""
        lines = [json.loads(line) for line in (self.home / "calls.jsonl").read_text().splitlines()]
        return [line for line in lines if line[1:] not in (["--version"], ["-V"])]


def _dsp() -> dict[str, Any]:
    parameters = {f"{name}REG": "0" for name in REGISTERS} | {"MREG": "1", "PREG": "1", "AREG": "1", "BREG": "1"}
    pins = {"OPMODE": "1011010", "ALUMODE": "0000", "INMODE": "00100", "CARRYINSEL": "000", "CARRYIN": "0"}
    return {"type": "DSP48E1", "parameters": parameters, "connections": {pin: list(text) for pin, text in pins.items()}}


def _as_cell(entry: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(parameters=entry["parameters"], pins=entry["connections"])


def _netlist(path: Path, cells: dict[str, Any]) -> None:
    path.write_text(json.dumps({"modules": {TOP: {"cells": cells, "netnames": {}}}}))


@pytest.fixture
def pretended(tmp_path: Path, fabric: Any, monkeypatch: pytest.MonkeyPatch) -> Pretended:
    """openXC7 on PATH, and a design that takes no time."""
    found = Pretended(tmp_path / "tools", fabric)
    monkeypatch.setenv("PATH", f"{found.home}:/usr/bin:/bin")
    monkeypatch.setenv("OPENXC7_CHIPDB", str(found.home))
    monkeypatch.setenv("PRJXRAY_DB_DIR", str(fabric.root.parent))
    for name in ("GATEWRIGHT_OPENXC7", "GATEWRIGHT_OPENXC7_RELEASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(flow_module, "board_verilog", lambda board, config: f"module {TOP}; endmodule\n")
    monkeypatch.setattr(flow_module, "slowest_logic", lambda netlist, top: 6.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    return found


def _build(out: Path, mhz: float = 50.0, timeout_s: float = 120.0) -> list[str]:
    said: list[str] = []
    build("openxc7", Request.of(ZYBO, ZYBO.default_config, mhz, timeout_s=timeout_s, say=said.append), out)
    return said


def test_a_build_leaves_what_was_made_and_found(pretended: Pretended, tmp_path: Path) -> None:
    said = _build(tmp_path / "out")
    built = load_built(tmp_path / "out")
    assert built.bit.words == pretended.fabric.words(pretended.features)
    assert built.manifest.tool == "openxc7"
    assert built.manifest.tools == {"yosys": "Yosys 0.70", "nextpnr-xilinx": "2026-10-01 of 2026-10-01"}
    assert built.manifest.physical == NOT_YET_RUN
    assert built.manifest.clock.set_mhz == pytest.approx(50.0)
    assert built.manifest.clock.closed_mhz == pytest.approx(1e3 / (1.1 * (10.0 + 1.54 + 1.70)))
    assert "DSP48E1" in built.manifest.clock.bound
    assert built.manifest.clock.untimed == ("paths from and to DSP48E1", "paths from and to PS7")
    assert built.manifest.utilisation == {"lut": 0, "ff": 0, "bram36": 0.0, "dsp": 2}
    assert any("2 DSP48E1 are as in the netlist" in line for line in said)
    assert any("4 inputs of PS7" in line for line in said)
    assert list((tmp_path / "work").iterdir()) == []


def test_what_the_programs_are_told(pretended: Pretended, fabric: Any, tmp_path: Path) -> None:
    _build(tmp_path / "out", 50.0)
    yosys, place, frames, bit = pretended.calls
    assert yosys == ["yosys", "-q", "-s", "synthesis.ys"]
    options = dict(zip(place[1:-1:2], place[2::2], strict=True))
    assert options["--chipdb"] == str(pretended.home / "xc7z010clg400.bin")
    assert options["--json"] == "placeable.json"
    assert options["--seed"] == "1"
    assert float(options["--freq"]) == pytest.approx(ZYBO.clock_at_most(50.0).mhz)
    assert place[-1] == "--timing-allow-fail"
    root = str(fabric.root)
    assert frames == ["fasm2frames", "--part", "xc7z010clg400-1", "--db-root", root, "design.fasm", "design.frames"]
    part = f"{root}/xc7z010clg400-1/part.yaml"
    files = ["--frm_file", "design.frames", "--output_file", "design.bit"]
    assert bit == ["xc7frames2bit", "--part_name", "xc7z010clg400-1", "--part_file", part, *files]


def test_more_multipliers_than_tiles_are_placed_in_pairs(pretended: Pretended, tmp_path: Path) -> None:
    """What is read back is held to what synthesis made, without the pairs."""
    _netlist(pretended.home / "netlist.json", {f"dsp{i}": {**_dsp(), "port_directions": {}} for i in range(41)})
    with pytest.raises(BuildError, match="no site for the cell dsp0"):  # the pretended placement knows others
        build("openxc7", Request.of(ZYBO, ZYBO.default_config, 50.0, say=print), tmp_path / "out", tmp_path / "kept")
    (module,) = json.loads((tmp_path / "kept" / "placeable.json").read_text())["modules"].values()
    joined = [name for name, cell in module["cells"].items() if "PCIN" in cell["connections"]]
    assert len(joined) == 20


def test_seeds_are_tried_until_the_clock_is_met(pretended: Pretended, tmp_path: Path) -> None:
    pretended.gives_mhz(51.0, 120.0, 200.0)
    _build(tmp_path / "out", 50.0)
    assert [call[0] for call in pretended.calls].count("nextpnr-xilinx") == 2


def test_a_seed_that_fails_says_nothing_of_others(pretended: Pretended, tmp_path: Path) -> None:
    pretended.does({"nextpnr-xilinx": "fail with 1 2"})
    said = _build(tmp_path / "out", 50.0)
    assert load_built(tmp_path / "out").manifest.clock.set_mhz == pytest.approx(50.0)
    assert [line for line in said if "no route with seed 1" in line]


def test_the_best_is_kept_where_a_later_seed_fails(pretended: Pretended, tmp_path: Path) -> None:
    pretended.gives_mhz(51.0, 120.0, 52.0)
    pretended.does({"nextpnr-xilinx": "fail with 2 3"})
    with pytest.raises(BuildError, match=r"clock of 50 MHz is not met"):
        _build(tmp_path / "out", 50.0)


def test_where_every_seed_fails_the_last_is_said(pretended: Pretended, tmp_path: Path) -> None:
    pretended.does({"nextpnr-xilinx": "fail with 1 2 3"})
    with pytest.raises(BuildError, match=r"^place and route: .*no route with seed 3"):
        _build(tmp_path / "out", 50.0)


def test_slow_logic_that_is_not_timed_bounds_the_clock(
    pretended: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_module, "slowest_logic", lambda netlist, top: 9.0)
    _build(tmp_path / "out", 50.0)
    assert load_built(tmp_path / "out").manifest.clock.closed_mhz == pytest.approx(1e3 / (1.1 * 9.0 * 2.0))


def test_a_missed_clock_names_the_worst_path_and_what_would_do(pretended: Pretended, tmp_path: Path) -> None:
    pretended.gives_mhz(51.0, 60.0, 52.0)
    with pytest.raises(BuildError, match=r"clock of 50 MHz is not met") as caught:
        _build(tmp_path / "out", 50.0)
    assert "core.accelerator.gemm.address_ff" in str(caught.value)
    assert "--freq" in str(caught.value)
    assert not (tmp_path / "out").exists()


STEPS = {
    "yosys": "synthesis",
    "nextpnr-xilinx": "place and route",
    "fasm2frames": "assembly of frames",
    "xc7frames2bit": "writing the bitstream",
}


@pytest.mark.parametrize("tool", STEPS)
@pytest.mark.parametrize(
    ("how", "said"), [("fail", "it cannot be done"), ("nothing", "wrote no"), ("empty", "wrote no")]
)
def test_a_failure_names_the_step_and_leaves_nothing(
    pretended: Pretended, tmp_path: Path, tool: str, how: str, said: str
) -> None:
    pretended.does({tool: how})
    with pytest.raises(BuildError, match=rf"^{STEPS[tool]}: .*{said}"):
        _build(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "work").is_dir()


def test_a_program_that_hangs_is_ended(pretended: Pretended, tmp_path: Path) -> None:
    pretended.does({"nextpnr-xilinx": "hang"})
    with pytest.raises(BuildError, match=r"^place and route: nextpnr-xilinx took more than 5 s"):
        _build(tmp_path / "out", timeout_s=5)
    assert not (tmp_path / "out").exists()
    assert [call[0] for call in pretended.calls].count("nextpnr-xilinx") == 1


def test_an_old_release_is_refused_before_anything_runs(pretended: Pretended, tmp_path: Path) -> None:
    (pretended.home / "version").write_text("(Version 0.9.3)")
    with pytest.raises(BuildError, match="SRL16E and SRLC32E power up cleared"):
        _build(tmp_path / "out")
    assert pretended.calls == []


@pytest.mark.parametrize(
    ("version", "noted"), [("0.9.3", ["SRL16E"]), ("b9f013d", ["whose bugs are known"]), ("2026-10-01", [])]
)
def test_an_old_release_builds_knowingly_and_the_manifest_says_so(
    pretended: Pretended, tmp_path: Path, version: str, noted: list[str]
) -> None:
    (pretended.home / "version").write_text(f"(Version {version})")
    reasons = ("the tile grid was rebuilt by rule",)
    build("openxc7", Request.of(ZYBO, ZYBO.default_config, 50.0, unvouched=reasons), tmp_path / "out")
    built = load_built(tmp_path / "out")
    given, *found = built.manifest.unvouched
    assert given == reasons[0]
    assert len(found) == len(noted)
    assert all(text in said for text, said in zip(noted, found, strict=True))
    assert given in (built.folder / "report.html").read_text()
    assert json.loads((built.folder / "report.json").read_text())["unvouched"] == [given, *found]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: [*f, "DSP_L_X1Y0.DSP48.DSP_1.ZMREG[0]"], r"DSP48E1 core\.dsp1: ZMREG\[0\] is set"),
        (lambda f: [n for n in f if "DSP_0_INMODE0" not in n], r"DSP48E1 core\.dsp0: INMODE0 is tied to nothing"),
        (lambda f: [n for n in f if "BYP_L1" not in n], r"at PS7 ps7: IRQF2P1 is driven by constant 1"),
    ],
)
def test_a_bitstream_that_differs_from_the_netlist_is_refused(
    pretended: Pretended, tmp_path: Path, change: Any, said: str
) -> None:
    pretended.gives(change(pretended.features))
    with pytest.raises(BuildError, match=said):
        _build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_design_that_does_not_fit_is_refused_before_it_is_placed(pretended: Pretended, tmp_path: Path) -> None:
    _netlist(pretended.home / "netlist.json", {f"dsp{i}": _dsp() for i in range(97)})
    with pytest.raises(BuildError, match="takes 97 dsp48e1 of the 80 that xc7z010 has"):
        _build(tmp_path / "out")
    assert [call[0] for call in pretended.calls] == ["yosys"]


def test_a_bitstream_for_another_part_is_refused(pretended: Pretended, tmp_path: Path) -> None:
    pretended.gives(pretended.features, idcode=0x0372_7093)
    with pytest.raises(BuildError, match="for the part of IDCODE 0x03727093"):
        _build(tmp_path / "out")


def test_what_is_no_bitstream_is_refused(pretended: Pretended, tmp_path: Path) -> None:
    whole = (pretended.home / "design.bit").read_bytes()
    (pretended.home / "design.bit").write_bytes(whole[:-100])
    with pytest.raises(Exception, match="truncated"):
        _build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_part_that_the_database_lacks_takes_one_line(pretended: Pretended, tmp_path: Path) -> None:
    board = get_board("pynq-z2")
    with pytest.raises(BuildError, match=r"no chip database xc7z020clg400\.bin"):
        build("openxc7", Request.of(board, board.default_config, 50.0), tmp_path / "out")
    assert not (tmp_path / "out").exists()
