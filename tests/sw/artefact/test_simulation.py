"""Bitstreams without hardware: found out as such, damage included."""

import hashlib
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.artefact import ArtefactError, BitFile
from gatewright.artefact.bitfile import idcode, synchronised
from gatewright.artefact.simulation import SimulatedDesign, identify, simulation_words
from gatewright.spec.boards import BOARDS

BOARD = BOARDS["pynq-z2"]
DESIGN = SimulatedDesign(BOARD.name, "tiny", "0123456789abcdef", "fedcba9876543210", 125.0)
WORDS = simulation_words(BOARD, DESIGN)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_design_is_identified(board) -> None:
    words = simulation_words(board, DESIGN)
    assert identify(words) == DESIGN
    assert synchronised(words) is not None
    assert board.idcode in (None, idcode(words))
    assert len(words) % 4 == 0
    BitFile.built("x", board.part, words, datetime(2026, 1, 1)).to_bytes()


def test_another_bitstream_is_none() -> None:
    assert identify(WORDS[:64] + bytes(1000)) is None


def test_cut_off_anywhere_it_is_no_design() -> None:
    refused = 0
    for length in range(len(WORDS)):
        try:
            assert identify(WORDS[:length]) is None
        except ArtefactError as error:
            refused += "cut off" in str(error)
    assert refused == len(WORDS) - WORDS.index(b"gatewright simulation") - 24, "from the end of its mark on"


@given(at=st.integers(0, len(WORDS) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_never_makes_another_design(at: int, bit: int) -> None:
    words = bytearray(WORDS)
    words[at] ^= 1 << bit
    with suppress(ArtefactError):
        assert identify(bytes(words)) in (DESIGN, None)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [(b"125.0", b"250.0", "damaged"), (b"closed", b"opened", "damaged"), (b"tiny", b"t", "damaged")],
)
def test_damage_is_said(old: bytes, new: bytes, error: str) -> None:
    with pytest.raises(ArtefactError, match=error):
        identify(WORDS.replace(old, new) + bytes(8))


@pytest.mark.parametrize("text", [b'{"board": "kv260"}', b"[1]", b"7", b"{}", b"{", b"\xff"])
def test_another_release_says_so(text: bytes) -> None:
    """Whole, but with other contents."""
    start = WORDS.index(b'{"board"') - 4
    words = WORDS[:start] + len(text).to_bytes(4, "big") + text + hashlib.sha256(text).digest()[:16]
    with pytest.raises(ArtefactError, match="of another release"):
        identify(words)
