"""The report: data and page say the same, and the page is whole, small and harmless."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace

import pytest

from gatewright.artefact import Clock
from gatewright.spec.boards import BOARDS
from gatewright_hw.area import PARTS
from gatewright_hw.build import Request, Result, TimedPath
from gatewright_hw.build.bars import Bar, bars
from gatewright_hw.build.report import AVAILABLE, html, report

BOARD = BOARDS["pynq-z2"]
CLOCK = Clock(100.0, 104.2, "timed arcs less 10 %", ("DSP48E1",), 100.0, 10, 1)
AMOUNTS = {"lut": 26_600, "ff": 10_640, "bram36": 70.5, "dsp": 128}
RESULT = Result(
    words=b"",
    closed_mhz=104.2,
    tools={"yosys": "0.70"},
    utilisation=AMOUNTS,
    modules={"gemm": AMOUNTS, "gemm.array": {**AMOUNTS, "bram36": 0}},
    paths=(TimedPath("gemm.k[0]", "gemm.sum<1>", 9.6, "gemm"), TimedPath("a", "b", 8.0, "")),
    remarks=("<script>alert(1)</script>",),
)


def described(result: Result = RESULT, board=BOARD) -> dict:
    return report("openxc7", Request.of(board, board.default_config), result, CLOCK)


def pictures(page: str) -> list[ET.Element]:
    return [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def test_the_data_are_json_and_whole() -> None:
    found = json.loads(json.dumps(described()))
    assert found["clock"] == json.loads(json.dumps(asdict(CLOCK)))
    assert found["utilisation"]["lut"] == {"used": 26_600, "available": 53_200}
    assert found["paths"][0] == {"start": "gemm.k[0]", "end": "gemm.sum<1>", "ns": 9.6, "module": "gemm"}
    assert (found["modules"], found["remarks"]) == (RESULT.modules, list(RESULT.remarks))


def test_the_page_has_a_picture_of_each_kind() -> None:
    page = html(described())
    for text in (
        "26,600 of 53,200, 50.0%",
        "104.20 MHz",
        "9.60 ns: gemm.k[0] to gemm.sum&lt;1&gt;",
        "timed arcs less 10 %",
    ):
        assert text in page
    assert len(pictures(page)) == 3 + 4, "clock, utilisation, paths, and each resource by module"
    assert len(page) < 50_000


def test_nothing_in_it_runs_or_comes_from_elsewhere() -> None:
    page = html(described())
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=|url\(|@import|https?:""", page)


def test_a_build_without_hardware_has_a_page_too() -> None:
    empty = replace(RESULT, utilisation={}, modules={}, paths=())
    assert len(pictures(html(described(empty)))) == 1


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_part_s_resources_are_known(board) -> None:
    found = described(board=board)["utilisation"]
    assert {name: each["available"] for name, each in found.items()} == AVAILABLE[board.device]
    if board.device in PARTS:
        assert list(AVAILABLE[board.device].values()) == list(asdict(PARTS[board.device]).values())


@pytest.mark.parametrize(("value", "full", "width"), [(5, 10, 320), (20, 10, 640), (-1, 10, 0), (0, 0, 0), (3, 0, 0)])
def test_a_bar_s_length(value: float, full: float, width: float) -> None:
    (picture,) = pictures(bars([Bar("x", value, "y")], full))
    assert float(picture.findall(".//rect")[1].attrib["width"]) == width


def test_long_texts_are_cut_and_kept_as_hints() -> None:
    (picture,) = pictures(bars([Bar("n" * 100, 1, "t" * 200)], 1))
    assert picture.find(".//title").text == f"{'n' * 100}: {'t' * 200}"
    assert [len(text.text) for text in picture.findall(".//text")] == [36, 90]
