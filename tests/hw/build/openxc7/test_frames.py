"""Configuration packets into frames."""

import json
import struct
from typing import Any

import pytest

from gatewright_hw.build import BuildError
from gatewright_hw.build.openxc7.frames import frame_rows, read_frames


def _part(fabric: Any) -> dict[str, Any]:
    return dict(json.loads((fabric.root / "xc7z010clg400-1" / "part.json").read_text()))


def test_rows_are_in_the_order_of_the_device(fabric: Any) -> None:
    rows = frame_rows(_part(fabric))
    assert [len(row) for row in rows] == [9, 9, 2, 2]
    assert rows[0] == [0, 1, 2, 0x80, 0x81, 0x82, 0x100, 0x101, 0x102]
    assert [row[0] for row in rows] == [0, 1 << 22, 1 << 23, 1 << 23 | 1 << 22]


def test_every_frame_is_read_and_none_of_the_padding(fabric: Any) -> None:
    features = ["INT_L_X0Y3.GFAN0.GND_WIRE", "DSP_L_X1Y0.DSP48.DSP_1.ZPREG[0]"]
    wanted = fabric.frames(features)
    found = read_frames(fabric.words(features), _part(fabric))
    assert {address: list(frame) for address, frame in found.items()} == wanted


def test_frames_may_be_written_one_by_one(fabric: Any) -> None:
    wanted = fabric.frames(["INT_L_X0Y0.IMUX_L0.GFAN0"])
    packets = [0xFFFF_FFFF, 0xAA99_5566]
    for address, frame in wanted.items():
        packets += [0x3000_2001, address, 0x3000_4000 | len(frame), *frame, 0x2000_0000]
    found = read_frames(struct.pack(f">{len(packets)}I", *packets), _part(fabric))
    assert {address: list(frame) for address, frame in found.items()} == wanted


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda words: words[:-400], "is cut off"),
        (lambda words: words.replace(bytes.fromhex("aa995566"), bytes(4)), "no sync word"),
        (
            lambda words: words.replace(bytes.fromhex("03722093"), bytes.fromhex("03727093")),
            "for the part of IDCODE 0x0372",
        ),
        (
            lambda words: words.replace(bytes.fromhex("3000200100000000"), bytes.fromhex("3000200100000080")),
            "to its end",
        ),
        (
            lambda words: words.replace(bytes.fromhex("3000200100000000"), bytes.fromhex("3000200100000180")),
            "does not have",
        ),
        (lambda words: words[:28] + bytes(8), "writes 0 of the part's 22 frames"),
    ],
)
def test_what_is_no_whole_bitstream_of_the_part(fabric: Any, damage: Any, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        read_frames(damage(fabric.words([])), _part(fabric))


def test_a_revision_of_the_part_is_the_part(fabric: Any) -> None:
    assert read_frames(fabric.words([], idcode=0x1372_2093), _part(fabric))
