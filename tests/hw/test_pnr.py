# amaranth: UnusedElaboratable=no
"""The guard of clock and area: one small part really routed, and what counts as worse."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import gatewright_hw.pnr as pnr
from gatewright.spec.config import get_config
from gatewright_hw.parts.stream_register import StreamRegister
from gatewright_hw.pnr import NOISE, Figures, PnrError, compare, load_trend, main, make_parts, measure, save_trend
from gatewright_hw.top import make_engines

BEFORE = Figures(100.0, 1000, 1000, 10, 32)


@pytest.mark.parametrize(
    ("now", "worse"),
    [
        (BEFORE, []),
        (replace(BEFORE, mhz=100 * (1 - NOISE) + 0.1, lut=1149), []),
        (replace(BEFORE, mhz=200.0, lut=500, ff=500, bram=0, multiplier=0), []),
        (replace(BEFORE, mhz=80.0), ["80 MHz, recorded 100"]),
        (replace(BEFORE, lut=1200, ff=1200), ["1200 lut, recorded 1000", "1200 ff, recorded 1000"]),
        (replace(BEFORE, bram=18), []),  # a few cells more are no trend
        (replace(BEFORE, bram=30, multiplier=64), ["30 bram, recorded 10", "64 multiplier, recorded 32"]),
    ],
)
def test_what_is_worse(now: Figures, worse: list[str]) -> None:
    assert compare(now, BEFORE) == worse


def test_the_parts_are_the_engines_and_what_stands_around_them() -> None:
    assert set(make_parts(get_config("tiny"))) == {
        *make_engines(get_config("tiny")),
        "sequencer",
        "registers",
        "master",
    }


def test_a_part_is_routed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))
    found = measure("stream_register", StreamRegister(8))
    assert found.ff == 2 * 8 + 2
    assert 8 <= found.lut <= 40
    assert (found.bram, found.multiplier) == (0, 0)
    assert found.mhz > 100
    monkeypatch.setattr(pnr, "_route", None)
    assert measure("stream_register", StreamRegister(8)) == found, "from the cache"


def test_figures_are_recorded_by_configuration(tmp_path: Path) -> None:
    path = tmp_path / "trend.json"
    assert load_trend(path, "tiny") == {}
    save_trend(path, "tiny", {"gemm": BEFORE})
    save_trend(path, "tiny", {"vector": BEFORE})
    save_trend(path, "pynq-z2", {"gemm": replace(BEFORE, lut=5)})
    assert load_trend(path, "tiny") == {"gemm": BEFORE, "vector": BEFORE}
    assert load_trend(path, "pynq-z2")["gemm"].lut == 5


@pytest.mark.parametrize("text", ["{", "[]", '{"tiny": {"gemm": {"mhz": 1}}}', '{"tiny": 7}'])
def test_a_table_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "trend.json").write_text(text)
    with pytest.raises(PnrError, match="is no table of figures"):
        load_trend(tmp_path / "trend.json", "tiny")


@pytest.mark.parametrize(("mhz", "code"), [(100.0, 0), (120.0, 1)])
def test_a_slower_part_fails(mhz: float, code: int, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(pnr, "measure", lambda name, component: BEFORE)
    path = tmp_path / "trend.json"
    path.write_text(json.dumps({"tiny": {"master": asdict(replace(BEFORE, mhz=mhz))}}))
    assert main(["--part", "master", "--trend", str(path)]) == code
    captured = capsys.readouterr()
    assert "master   100.00" in captured.out
    assert ("worse by more than 15%: master: 100 MHz, recorded 120" in captured.err) == bool(code)


def test_the_recorded_figures_are_of_today_s_parts() -> None:
    """Every part of the smallest configuration is guarded."""
    assert set(load_trend(pnr.TREND, "tiny")) == set(make_parts(get_config("tiny")))
