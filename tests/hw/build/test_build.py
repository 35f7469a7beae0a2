"""A build from request to folder: what it leaves, what it refuses, and that it leaves all or nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gatewright.artefact import load_built
from gatewright.artefact.simulation import identify
from gatewright.spec.boards import BOARDS
from gatewright.spec.errors import SpecError
from gatewright.spec.hwh import handoff
from gatewright_hw.build import FLOWS, LOG, BuildError, Request, Result, TimedPath, build
from gatewright_hw.build.simulation import SimulationFlow
from gatewright_hw.generate import design_hash

BOARD = BOARDS["zybo-z7-10"]


def request_of(mhz: float | None = None) -> Request:
    return Request.of(BOARD, BOARD.default_config, mhz)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_simulation_bitstream_names_its_design(board, tmp_path: Path) -> None:
    said = []
    request = Request.of(board, board.default_config, say=said.append)
    built = build("simulation", request, tmp_path / "out")
    design = identify(built.bit.words)
    assert (design.board, design.config_hash) == (board.name, board.default_config.hash_text)
    assert design.design_hash == built.manifest.design_hash == design_hash(board.default_config)
    assert design.closed_mhz == built.manifest.clock.closed_mhz == request.clock.mhz
    assert built.bit.part == board.part
    assert any("no hardware" in line for line in said)
    assert built.path(".hwh").read_text() == handoff(board, board.default_config, request.clock)
    assert {file.name for file in built.folder.iterdir()} == {*built.manifest.files, "manifest.json"}
    assert json.loads((built.folder / "report.json").read_text())["board"] == board.name


def test_the_same_input_gives_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    folders = [build("simulation", request_of(), tmp_path / name).folder for name in ("one", "two")]
    one, two = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders)
    assert one == two
    assert load_built(folders[0]).manifest.built == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("text", ["", "yesterday", "1e9", "9" * 30])
def test_a_wrong_date_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(BuildError, match=r"SOURCE_DATE_EPOCH is .*, allowed: seconds since 1970"):
        build("simulation", request_of(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_new_handoff_gives_new_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board keeps what it was once given under a name, and PYNQ what it once read beside those bytes."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    words = SimulationFlow().collect(request_of(), tmp_path).words
    monkeypatch.setitem(FLOWS, "simulation", Fixed(Result(words, 200.0)))
    names = {build("simulation", request_of(mhz), tmp_path / str(mhz)).path(".bit").name for mhz in (100, 50)}
    assert len(names) == 2


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_clock_that_no_board_can_use_is_refused(board) -> None:
    """Whatever builds: dividers have a slowest clock, and ports a fastest, far below the PLL's."""
    limits = rf"allowed: 0\.\d+ to {board.family.clocks.ports_mhz:g}, what its dividers make and its AXI ports take"
    for mhz in (board.family.clocks.ports_mhz * 1.001, 1000.0, 1e300, 0.1, 0.0, -5.0, float("nan"), float("inf")):
        with pytest.raises(SpecError, match=limits):
            Request.of(board, board.default_config, mhz)
    for mhz in (0.5, 50.0, board.family.clocks.ports_mhz):
        assert 0.9 * mhz < Request.of(board, board.default_config, mhz).clock.mhz <= mhz * (1 + 1e-9)


class Fixed(SimulationFlow):
    """A tool with a given result, or failure."""

    def __init__(self, result: Result | Exception) -> None:
        self.result = result

    def collect(self, request: Request, work: Path) -> Result:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def test_a_former_build_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()  # an empty folder is as good as none
    first = build("simulation", request_of(100), out)
    second = build("simulation", request_of(50), out)
    assert first.path(".bit").name != second.path(".bit").name
    assert load_built(out).manifest == second.manifest
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("foreign", ["notes.txt", "manifest.json"])
def test_other_peoples_files_are_left_alone(foreign: str, tmp_path: Path) -> None:
    (tmp_path / foreign).write_text("{}")
    with pytest.raises(BuildError, match=rf"--out .* holds {foreign}, allowed: a new or empty folder, or a former"):
        build("simulation", request_of(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [foreign]


@pytest.mark.parametrize("below", ["", "deeper", "still/deeper"])
def test_a_file_is_no_folder(below: str, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(BuildError, match=r"--out .*: Not a directory"):
        build("simulation", request_of(), tmp_path / "out" / below)
    assert (tmp_path / "out").read_text() == "mine"


def test_folders_above_are_made(tmp_path: Path) -> None:
    assert build("simulation", request_of(), tmp_path / "a" / "b" / "c").folder.is_dir()


MET = Result(b"", 99.9, paths=(TimedPath("gemm.issuer.k", "gemm.array.sum", 10.01, "gemm.array"),))


def test_a_tool_s_files_stay_where_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(SimulationFlow):
        def run(self, request: Request, work: Path) -> None:
            (work / LOG).write_text("no licence")
            raise BuildError("the tool ended with code 1")

    said: list[str] = []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(FLOWS, "simulation", Failing())
    with pytest.raises(BuildError, match="code 1"):
        build("simulation", Request.of(BOARD, BOARD.default_config, say=said.append), tmp_path / "out")
    (work,) = tmp_path.iterdir()
    assert said == [f"the tool's files stay in {work}"]
    assert (work / LOG).read_text() == "no licence"


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (MET, r"the clock of 100 MHz is not met: 99\.90 MHz is; the worst path, 10\.01 ns, leads from gemm\.issuer\.k "
              r"to gemm\.array\.sum, in gemm\.array; --freq 90\.9091 would do"),
        (replace(MET, paths=()), r"is not met: 99\.90 MHz is; --freq"),
        (BuildError("the tool is missing"), "the tool is missing"),
        (Result(b"\0" * 400, 200.0), "no sync word"),
    ],
    ids=["clock", "clock-without-path", "tool", "words"],
)  # fmt: skip
def test_what_fails_leaves_the_former_build(result, error: str, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "out"
    former = build("simulation", request_of(), out)
    monkeypatch.setitem(FLOWS, "simulation", Fixed(result))
    with pytest.raises(Exception, match=error):
        build("simulation", request_of(), out)
    assert load_built(out).manifest == former.manifest
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
