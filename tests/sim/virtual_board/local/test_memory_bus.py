"""Accesses of every width, by the instructions that compilers and memcpy use, reach the board as words."""

import signal
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from gatewright_sim.cxx import find_cxx
from gatewright_sim.virtual_board import BusError, VirtualBoard
from gatewright_sim.virtual_board.local import memory_bus

WORDS = b"".join((0x01020304 * (i + 1)).to_bytes(4, "little") for i in range(16))
EXPECTED = {
    "read1": WORDS[8:9],
    "read2": WORDS[8:10],
    "read4": WORDS[8:12],
    "read8": WORDS[8:16],
    "read16": WORDS[:16],
    "string": WORDS,
    "add": (0x02040609).to_bytes(4, "little"),
    "read32": WORDS[:32],
    "read64": WORDS,
}
ALWAYS = {"read1", "read2", "read4", "read8", "read16", "string", "add"}


@pytest.fixture(scope="session")
def accesses(shared_folder: Path) -> Path:
    program = shared_folder / "accesses"
    with FileLock(f"{program}.lock", timeout=300):
        if not program.exists():
            source = Path(__file__).with_name("accesses.cpp")
            subprocess.run([*find_cxx(), "-O2", "-o", program, source], check=True, timeout=300)
    return program


def test_instructions_of_every_width(accesses: Path, run, board: VirtualBoard) -> None:
    printed = run(accesses, hex(board.memory.base), "all").stdout.splitlines()
    found = {name: bytes.fromhex(value) for name, value in (line.split() for line in printed)}
    assert found == {name: EXPECTED[name] for name in found}
    assert found.keys() >= ALWAYS
    dram = board.memory.dram.array
    assert dram[:64].tobytes() == WORDS
    assert dram[64:72].tobytes() == (0x1122334455667788).to_bytes(8, "little")
    assert dram[80:96].tobytes() == WORDS[:16]
    if "read64" in found:
        assert dram[192:256].tobytes() == WORDS


@pytest.mark.parametrize(
    ("what", "message"), [("narrow", "takes whole words"), ("unaligned", "not aligned, which an ARM core refuses")]
)
def test_what_a_board_would_not_do(what: str, message: str, accesses: Path, run, board: VirtualBoard) -> None:
    done = run(accesses, hex(board.memory.base), what, check=False)
    assert done.returncode == -signal.SIGBUS
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("offset", "size"), [(0, 4), (1, 1), (2, 2), (4, 8), (3, 1), (8, 64)])
def test_each_word_is_read_once(offset: int, size: int, board: VirtualBoard, monkeypatch) -> None:
    asked = []
    content = bytes(range(128))

    def read32(address: int) -> int:
        asked.append(address)
        return int.from_bytes(content[address : address + 4], "little")

    monkeypatch.setattr(board, "read32", read32)
    assert memory_bus.read(board, offset, size) == content[offset : offset + size]
    assert asked == sorted({at - at % 4 for at in range(offset, offset + size)})


def test_writes_are_whole_words(board: VirtualBoard) -> None:
    with pytest.raises(BusError, match="2 bytes"):
        memory_bus.write(board, board.memory.base, b"ab")
    with pytest.raises(BusError, match="whole words"):
        memory_bus.write(board, board.memory.base + 2, b"abcd")
    memory_bus.write(board, board.memory.base, b"abcdefgh")
    assert memory_bus.read(board, board.memory.base, 8) == b"abcdefgh"
