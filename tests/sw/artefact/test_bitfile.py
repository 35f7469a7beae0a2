"""The .bit file: what is written is read, by us and by PYNQ; what is damaged is refused in one line."""

import struct
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.artefact import ArtefactError, BitFile, read_bit
from gatewright.artefact.bitfile import SYNC, SYNC_WITHIN, idcode, synchronised

WORDS = bytes.fromhex("ffffffff" * 8 + "000000bb11220044" + "ffffffff" * 2) + SYNC + bytes(range(64)) * 4
BIT = BitFile.built("gatewright_top;HWH=0123", "xc7z020clg400-1", WORDS, datetime(2026, 1, 31, 12, 0, 5))
CONTENT = BIT.to_bytes()
HEADER = len(CONTENT) - len(WORDS)


def parsed(folder: Path, content: bytes) -> BitFile:
    path = folder / "x.bit"
    path.write_bytes(content)
    return read_bit(path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert parsed(tmp_path, CONTENT) == BIT
    assert (BIT.date, BIT.time) == ("2026/01/31", "12:00:05")


def test_pynq_reads_the_same() -> None:
    pynq = pytest.importorskip("pynq.pl_server.embedded_device")
    header = pynq.parse_bit_header(CONTENT)
    assert (header["design"], header["version"]) == ("gatewright_top", "HWH=0123")
    assert (header["part"], header["date"], header["time"]) == (BIT.part, BIT.date, BIT.time)
    assert header["length"] == str(len(WORDS))
    assert pynq.bit2bin(CONTENT) == BIT.to_bin()


def test_the_headers_of_other_tools_are_read(tmp_path: Path) -> None:
    """Project X-Ray's xc7frames2bit names a path and itself; Vivado shortens the part."""
    for design, part in (("x.frames;Generator=xc7frames2bit", BIT.part), ("top;UserID=0XFFFFFFFF", "7z020clg400")):
        other = BitFile(design, part, BIT.date, BIT.time, WORDS)
        assert parsed(tmp_path, other.to_bytes()) == other


def test_the_fpga_manager_s_order() -> None:
    """Linux' zynq-fpga looks for 66 55 99 aa."""
    assert BIT.to_bin()[48:52] == bytes.fromhex("665599aa")
    assert len(BIT.to_bin()) == len(WORDS)


def test_cut_off_anywhere(tmp_path: Path) -> None:
    for length in range(len(CONTENT)):
        with pytest.raises(ArtefactError, match=r"x\.bit: .+$"):
            parsed(tmp_path, CONTENT[:length])


@pytest.mark.parametrize("extra", [1, 4, 1000])
def test_with_something_behind(extra: int, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=rf"holds {len(WORDS) + extra:,} bytes of configuration, its header says"):
        parsed(tmp_path, CONTENT + bytes(extra))


@given(at=st.integers(0, HEADER + SYNC_WITHIN), value=st.integers(0, 255))
def test_a_flipped_byte_is_read_or_refused(at: int, value: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Never another exception, and never words of another length."""
    content = bytearray(CONTENT)
    content[at] = value
    try:
        found = parsed(tmp_path_factory.getbasetemp(), bytes(content))
    except ArtefactError:
        return
    assert len(found.words) == len(WORDS)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with pytest.raises(ArtefactError):
        parsed(tmp_path_factory.getbasetemp(), content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT.replace(b"gatewright_top", b"gatewr\xc3\xb6ght_to"[:14]), "field 'a' of the header is not ASCII"),
        (CONTENT.replace(SYNC, b"\xff" * 4), "no sync word aa995566 in the first 128 bytes"),
        (CONTENT[: HEADER - 4] + struct.pack(">I", len(WORDS) - 2) + WORDS[:-2], "multiples of 4"),
        (b"", "it has 0 bytes"),
        (b"PK\x03\x04" + bytes(100), "field 'a' of the header is missing"),
    ],
    ids=["not ascii", "no sync word", "half a word", "empty", "zip"],
)
def test_what_is_wrong_is_said(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=message):
        parsed(tmp_path, content)


@pytest.mark.parametrize(("place", "message"), [("", "Is a directory"), ("missing.bit", "No such file")])
def test_a_file_that_cannot_be_read(place: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=message):
        read_bit(tmp_path / place)


@pytest.mark.parametrize("text", ["/home/jürgen/top", "top\0", "x" * 40_000])
def test_a_header_that_pynq_could_not_read_is_not_written(text: str) -> None:
    with pytest.raises(ArtefactError, match=r"bitstream header: .*, allowed: ASCII"):
        BitFile(text, "part", "date", "time", WORDS).to_bytes()


@pytest.mark.parametrize(
    ("at", "found"), [(0, 4), (48, 52), (124, 128), (128, None), (50, None), (47, None)]
)  # fmt: skip
def test_linux_looks_for_the_sync_word_at_words(at: int, found: int | None) -> None:
    assert synchronised(bytes(at) + SYNC + bytes(8)) == found


NOP, IDCODE, CONTROL = "20000000", "30018001", "3000a001"


@pytest.mark.parametrize(
    ("packets", "found"),
    [
        (IDCODE + "13722093", 0x372_2093),
        (NOP + NOP + CONTROL + "00000001" + IDCODE + "03727093", 0x372_7093),
        (CONTROL + IDCODE + NOP, None),  # a value that looks like the packet
        (NOP, None),
        (IDCODE, None),
        (NOP + "50000010" + IDCODE + "13722093", None),  # frames have begun
    ],
)
def test_the_part_s_identity(packets: str, found: int | None) -> None:
    assert idcode(bytes(4) + SYNC + bytes.fromhex(packets)) == found
