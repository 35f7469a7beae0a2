"""The Vivado flow, with a program that pretends to be Vivado (tclsh): the script's commands, files and order, and how
each way to fail ends. Real Vivado has not run it."""

import os
import re
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from gatewright.artefact import BitFile, load_built
from gatewright.artefact.simulation import SimulatedDesign, simulation_words
from gatewright.spec.boards import BOARDS
from gatewright.spec.config import get_config
from gatewright_hw.boards import top_name
from gatewright_hw.boards.ps7_ports import PS7_PORTS, Direction
from gatewright_hw.boards.zynqmp import IP_MODULE, ip_configuration
from gatewright_hw.build import BuildError, Request, build, collect, prepare
from gatewright_hw.build.vivado.script import period_ns, write_inputs

TCLSH = shutil.which("tclsh")
FAKE = Path(__file__).with_name("fake_vivado.tcl")
needs_tclsh = pytest.mark.skipif(TCLSH is None, reason="no tclsh on PATH")
ZYBO, KV260 = BOARDS["zybo-z7-10"], BOARDS["kv260"]
TINY = get_config("tiny")


def request_of(board=ZYBO, mhz: float = 125.0, **options) -> Request:
    return Request.of(board, TINY, mhz, **options)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The prepared folder of a board, made once: it takes seconds."""
    made: dict[str, Path] = {}

    def of(board: str) -> Path:
        if board not in made:
            made[board] = tmp_path_factory.mktemp(board) / "work"
            prepare("vivado", request_of(BOARDS[board]), made[board])
        return made[board]

    return of


@pytest.fixture
def vivado(tmp_path: Path, prepared, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a Vivado with the given result on PATH; a fresh copy of the prepared folder stands for its preparation."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "vivado"
    program.write_text(f'#!/bin/sh\nexec {TCLSH} {FAKE} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    words = simulation_words(ZYBO, SimulatedDesign(ZYBO.name, "tiny", "", "", 1.0))
    bit = BitFile.built("gatewright;UserID=0XFFFFFFFF;Version=2024.1", "7z010clg400", words, datetime(2026, 1, 1))
    (tmp_path / "made.bit").write_bytes(bit.to_bytes())
    monkeypatch.setenv("FAKE_BIT", str(tmp_path / "made.bit"))

    def with_result(result: str) -> Path:
        monkeypatch.setenv("FAKE_RESULT", result)
        work = tmp_path / "work"
        shutil.copytree(prepared(ZYBO.name), work)
        monkeypatch.setattr("gatewright_hw.build.vivado.flow.write_inputs", lambda request, out: None)
        return work

    return with_result


def calls(work: Path) -> list[str]:
    return (work / "calls.txt").read_text().splitlines()


@needs_tclsh
def test_a_build_from_verilog_to_artefacts(vivado, tmp_path: Path) -> None:
    work = vivado("met")
    built = build("vivado", request_of(), tmp_path / "out", work)
    manifest, clock = built.manifest, built.manifest.clock
    assert load_built(tmp_path / "out") == built
    assert (clock.asked_mhz, clock.set_mhz) == pytest.approx((125.0, 125.0))
    assert (clock.bound, clock.untimed) == ("", ())
    assert clock.closed_mhz == pytest.approx(1e3 / (8 - 0.521))
    assert manifest.tools == {"vivado": "2024.1"}
    assert manifest.utilisation == {"lut": 9000, "ff": 700, "bram36": 5.5, "dsp": 40}
    assert built.bit.part == ZYBO.part
    steps = [line.split()[0] for line in calls(work)]
    order = "read_verilog read_xdc synth_design check_timing opt_design place_design route_design write_bitstream"
    assert [step for step in steps if step in order.split()] == order.split()
    assert "get_drc_checks {NSTD-1 UCIO-1}" in calls(work), "all ports are pads of the processing system"
    described = (tmp_path / "out" / "report.json").read_text()
    assert "core.accelerator" in described
    assert "core/accelerator/accelerator/vector/out/value_reg[0]/D" in described


@needs_tclsh
@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("missed", r"^the clock of 125 MHz is not met: 95\.24 MHz is; the worst path, 7\.25 ns, leads from core/acc.*"
                   r"/sum_reg\[3\]/C to core/.*/value_reg\[0\]/D, in core\..*\.vector\.out; --freq 90\.9091 would do$"),
        ("hold", r"hold times are missed by 0\.2 ns"),
        ("pulse", r"^pulse widths are missed by 0\.3 ns"),
        ("no pin", r"^vivado: .*the design has 0 clocks \(\), allowed: one"),
        ("other period", r"the clock has a period of 16\.0 ns, allowed: 8\.000"),
        ("no_clock", r"check_timing finds no_clock at 7 places, allowed: none"),
        ("loops", r"check_timing finds loops at 7 places"),
        ("latch_loops", r"check_timing finds latch_loops at 7 places"),
        ("without no_clock", r"check_timing says nothing about no_clock"),
        ("untimed", r"no path of the design is timed"),
        ("crash", r"^vivado: vivado ended with code 1: ERROR: \[Synth 8-439\] module missing; log: "),
        ("silent", r"^vivado: vivado wrote no results\.txt"),
        ("no bitstream", r"gatewright\.bit: No such file"),
    ],
)  # fmt: skip
def test_a_build_that_fails_says_why(result: str, message: str, vivado, tmp_path: Path) -> None:
    work = vivado(result)
    with pytest.raises(Exception, match=message) as error:
        build("vivado", request_of(), tmp_path / "out", work)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@needs_tclsh
def test_unconstrained_end_points_are_reported(vivado, tmp_path: Path) -> None:
    work = vivado("unconstrained_internal_endpoints")
    built = build("vivado", request_of(), tmp_path / "out", work)
    assert built.manifest.clock.untimed == ("7 unconstrained end points",)


@needs_tclsh
def test_a_vivado_that_hangs_is_ended(vivado, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = vivado("hangs")
    monkeypatch.setenv("FAKE_PID", str(tmp_path / "pid"))
    with pytest.raises(BuildError, match=r"^vivado: vivado took more than 1 s"):
        build("vivado", request_of(timeout_s=1), tmp_path / "out", work)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_without_vivado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BuildError, match=r"no vivado on PATH: source the settings64\.sh of an installation, or set"):
        build("vivado", request_of(), tmp_path / "out")
    monkeypatch.setenv("GATEWRIGHT_VIVADO", "/opt/nothing/vivado")
    with pytest.raises(BuildError, match="GATEWRIGHT_VIVADO names /opt/nothing/vivado, which is no program"):
        build("vivado", request_of(), tmp_path / "out")


@needs_tclsh
def test_in_two_halves(vivado, tmp_path: Path) -> None:
    """As where Vivado is on another machine."""
    work = vivado("met")
    os.system(f"cd {work} && vivado -mode batch -source build.tcl >/dev/null")
    built = collect("vivado", request_of(), work, tmp_path / "out")
    assert built.manifest.tool == "vivado"


@needs_tclsh
@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (request_of(mhz=100), "was prepared for mhz 125.0, not 100.0"),
        (request_of(BOARDS["pynq-z2"]), 'was prepared for board "zybo-z7-10", not "pynq-z2"'),
        (replace(request_of(), unvouched=("old",)), r'was prepared for unvouched \[\], not \["old"\]'),
    ],
)
def test_what_was_prepared_for_something_else(request_: Request, message: str, vivado, tmp_path: Path) -> None:
    work = vivado("met")
    os.system(f"cd {work} && vivado -mode batch -source build.tcl >/dev/null")
    with pytest.raises(BuildError, match=message):
        collect("vivado", request_, work, tmp_path / "out")


@needs_tclsh
def test_results_of_a_former_preparation_are_not_taken(vivado, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where they lie still, nor where they are copied back from the machine that made them."""
    work = vivado("met")
    os.system(f"cd {work} && vivado -mode batch -source build.tcl >/dev/null")
    kept = {path: path.read_bytes() for path in work.iterdir() if path.suffix in (".txt", ".rpt", ".bit")}
    faster = request_of(mhz=250)
    monkeypatch.setattr("gatewright_hw.build.vivado.flow.write_inputs", write_inputs)
    prepare("vivado", faster, work)
    with pytest.raises(BuildError, match=r"results\.txt: No such file or directory"):
        collect("vivado", faster, work, tmp_path / "out")
    for path, content in kept.items():
        path.write_bytes(content)
    with pytest.raises(BuildError, match="is of other inputs than those in"):
        collect("vivado", faster, work, tmp_path / "out")


def test_sources_that_were_changed(vivado, tmp_path: Path) -> None:
    work = vivado("met")
    (work / "gatewright.xdc").write_text("")
    with pytest.raises(BuildError, match="was prepared for sources"):
        collect("vivado", request_of(), work, tmp_path / "out")


def test_a_work_folder_is_new_or_prepared(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BuildError, match=r"--work .* holds notes\.txt, allowed: a new or empty folder, or"):
        prepare("vivado", request_of(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "No such file or directory; --prepare writes it"), ("7", "has other fields"), ("{", "is no JSON")],
)
def test_a_folder_that_was_not_prepared(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "request.json").write_text(text)
    with pytest.raises(BuildError, match=message):
        collect("vivado", request_of(), tmp_path, tmp_path / "out")


# ---- what is written, against the design and the boards


def top_module(work: Path, board) -> str:
    text = (work / "gatewright.v").read_text()
    found = re.search(rf"^module {top_name(board)}\(.*?^endmodule", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[0]


def test_the_pads_of_a_zynq_7000_are_ports(prepared) -> None:
    top = top_module(prepared(ZYBO.name), ZYBO)
    ports = dict(re.findall(r"^  inout (?:\[(\d+):0\] )?(\w+);", top, re.MULTILINE))
    found = {
        name: int(msb or 0) + 1 for msb, name in re.findall(r"^  inout (?:\[(\d+):0\] )?(\w+);", top, re.MULTILINE)
    }
    assert ports
    assert found == {name: port.width for name, port in PS7_PORTS.items() if port.direction is Direction.PAD}
    assert not re.findall(r"^  (?:input|output) ", top, re.MULTILINE)


def test_the_clock_is_on_the_processing_system_s_pin(prepared) -> None:
    work = prepared(ZYBO.name)
    assert (work / "gatewright.xdc").read_text() == (
        "create_clock -name fabric -period 8.000 [get_pins {ps7/FCLKCLK[0]}]\nset_input_jitter fabric 0.240\n"
    )
    assert re.search(r"^  PS7 ps7 \($", top_module(work, ZYBO), re.MULTILINE)
    assert re.search(r"BUFG \w+ \(\s+\.I\(fclk\[0\]\)", top_module(work, ZYBO))
    assert ".FCLKCLK(fclk)" in top_module(work, ZYBO)


@needs_tclsh
def test_the_block_of_an_ultrascale(prepared, vivado, tmp_path: Path, monkeypatch) -> None:
    """Made without a block design; its clock's constraint comes after synthesis, when its pin is there."""
    work = tmp_path / "kv260"
    shutil.copytree(prepared(KV260.name), work)
    vivado("met")
    assert os.system(f"cd {work} && vivado -mode batch -source build.tcl >/dev/null") == 0
    lines = calls(work)
    steps = [line.split()[0] for line in lines]
    order = "create_project create_ip set_property synth_ip read_verilog synth_design create_clock route_design"
    assert [step for step in steps if step in order.split()] == order.split()
    assert not [line for line in lines if line.startswith("get_drc_checks")], "there are no ports to excuse"
    (made,) = (line for line in lines if line.startswith("create_ip"))
    assert made == f"create_ip -vlnv xilinx.com:ip:zynq_ultra_ps_e -module_name {IP_MODULE} -dir ip"
    (configured,) = (line for line in lines if line.startswith("set_property"))
    for name, value in ip_configuration(KV260, KV260.default_config.read_ports).items():
        assert f"CONFIG.{name} {value} " in configured
    assert "CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ 125}" in configured
    (clock,) = (line for line in lines if line.startswith("create_clock"))
    assert clock == r"create_clock -name fabric -period 8.000 {/PS8_i/PLCLK[0]}"
    assert f"{IP_MODULE} processing_system (" in top_module(work, KV260)
    assert "inout" not in top_module(work, KV260)


@pytest.mark.parametrize("mhz", [125.0, 1000 / 9, 1000 / 7, 1500 / 11, 66.6, 100.0])
def test_a_period_is_never_longer_than_the_clock_s(mhz: float) -> None:
    assert 0 <= 1e3 / mhz - period_ns(mhz) < 1.001e-3
