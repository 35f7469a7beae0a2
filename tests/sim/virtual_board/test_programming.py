"""Downloads: Linux' FPGA manager, and which bitstreams are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gatewright.artefact.bitfile import read_bit, swapped
from gatewright.spec.boards import get_board
from gatewright_hw.build import Request, build
from gatewright_sim.virtual_board import BoardFrozen, Level, VirtualBoard

SYSFS = "/sys/class/fpga_manager/fpga0"
HEAD = 68
"""Bytes up to the packet that names the part; what follows says that it is a simulation."""

DAMAGED = {
    # what is done to a good firmware: what the log says
    "empty": (lambda good: b"", "no sync word"),
    "in the order of a .bit file": (swapped, "in the order of a .bit file"),
    "odd length": (lambda good: good[:-3], "truncated"),
    "cut off": (lambda good: good[:-8], "cut off"),
    "cut in its packets": (lambda good: good[:56], "names no part"),
    "late sync word": (lambda good: b"\xff" * 128 + good, "no sync word"),
    "another part": (lambda good: good.replace(swapped(bytes.fromhex("03722093")), bytes(4)), "identity 0x0000000"),
    "foreign": (lambda good: good[:HEAD] + bytes(160), "manifest"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_damaged_is_refused(
    programmed: VirtualBoard, firmware: Callable[..., bytes], download: Callable[..., str], case: str
) -> None:
    damage, reason = DAMAGED[case]
    assert download(programmed, damage(firmware("zybo-z7-10"))) == "write error"
    assert any(reason in text for text in programmed.log.texts(Level.WARNING)), programmed.log.texts(Level.WARNING)
    assert programmed.design is None  # the old one is gone, too
    assert download(programmed) == "operating"


OTHERS = {
    "another board": ("pynq-z2", {}, "identity"),
    "another board of the same part": ("zybo-z7-10", {"board": "zybo-z7-20"}, "for board zybo-z7-20"),
    "other sources": ("zybo-z7-10", {"design_hash": "0" * 16}, "other sources"),
    "another config": ("zybo-z7-10", {"config_hash": "0" * 16}, "another hash"),
    "an unknown config": ("zybo-z7-10", {"config": "huge"}, "huge"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_of_another_design_is_refused(
    board: VirtualBoard, firmware: Callable[..., bytes], download: Callable[..., str], case: str
) -> None:
    name, changes, reason = OTHERS[case]
    assert download(board, firmware(name, **changes)) == "write error"
    assert any(reason in text for text in board.log.texts(Level.WARNING))


def test_a_missing_file(board: VirtualBoard) -> None:
    with pytest.raises(FileNotFoundError):
        board.files.write(f"{SYSFS}/firmware", b"nothing.bin")
    assert board.files.read(f"{SYSFS}/state") == b"firmware request error\n"


def test_a_partial_bitstream(board: VirtualBoard, download: Callable[..., str]) -> None:
    board.files.write(f"{SYSFS}/flags", b"1")
    assert download(board) == "write error"
    board.files.write(f"{SYSFS}/flags", b"0")
    assert download(board) == "operating"
    with pytest.raises(OSError, match="Invalid argument"):
        board.files.write(f"{SYSFS}/flags", b"partial")


def test_a_board_keeps_files_and_programs_what_it_has(
    board: VirtualBoard, firmware: Callable[..., bytes], download: Callable[..., str]
) -> None:
    """Whoever writes only the name gets the old file."""
    assert download(board, firmware("zybo-z7-10", closed_mhz=50.0)) == "operating"
    board.files.write(f"{SYSFS}/firmware", b"tiny.bin")
    assert board.design is not None
    assert board.design.closed_mhz == 50


def test_a_board_that_booted_with_another_design(
    make_board: Callable[..., VirtualBoard], download: Callable[..., str]
) -> None:
    """Its FPGA manager says what it says of ours; who reads the registers is answered, and noted."""
    board = make_board(booted_with_another=True)
    assert board.files.read(f"{SYSFS}/state") == b"operating\n"
    assert board.read32(board.board.registers_base) == 0
    board.write32(board.board.registers_base, 1)
    assert len(board.log.texts(Level.WARNING)) == 2
    assert download(board) == "operating"
    assert board.read32(board.board.registers_base) != 0
    assert len(board.log.texts(Level.WARNING)) == 2


def test_a_download_while_a_program_runs_freezes_the_board(
    programmed: VirtualBoard, download: Callable[..., str]
) -> None:
    base = programmed.board.registers_base
    buffer = programmed.allocate(1 << 20, cacheable=False)
    programmed.write32(base + 0x30, buffer.address)
    programmed.write32(base + 0x34, 1)
    programmed.memory.dram.array[buffer.offset : buffer.offset + 64] = 0
    programmed.logic._fabric._rtl.faults.hang = True  # DDR answers nothing: the fetch stays in flight
    programmed.write32(base + 0x20, 1)
    with pytest.raises(BoardFrozen, match="in flight"):
        download(programmed)


@pytest.mark.parametrize("sources", ["present", "other"])
def test_hardware_bitstreams_are_known_by_their_manifest(
    make_board: Callable[..., VirtualBoard], download: Callable[..., str], tmp_path: Path, sources: str
) -> None:
    board = get_board("zybo-z7-10")
    built = build("simulation", Request.of(board, board.default_config, 100.0), tmp_path / "built")
    bit = read_bit(built.path(".bit"))
    words = bit.words[:HEAD] + bytes(160)
    design = built.manifest.design_hash if sources == "present" else "0" * 16
    changed = replace(built.manifest, words_sha256=replace(bit, words=words).words_sha256, design_hash=design)
    (tmp_path / "hardware").mkdir()
    changed.save(tmp_path / "hardware")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    state = download(make_board(bitstreams=[tmp_path]), swapped(words))
    assert state == ("operating" if sources == "present" else "write error")
