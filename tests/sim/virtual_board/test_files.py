"""The board's files."""

import pytest

from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.files import Files

SYSFS = "/sys/class/fpga_manager/fpga0"


@pytest.fixture
def files() -> Files:
    made = Files()
    made.constant("/proc/version", "Linux\n")
    made.special("/sys/only/written", write=lambda content: None)
    return made


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/proc/version", True),
        ("/proc", True),
        ("/proc/vers", False),
        ("/sys/only/written", True),
        ("/run", True),
    ],
)
def test_what_is_there(files: Files, path: str, there: bool) -> None:
    assert files.exists(path) is there
    assert files.exists(f"{path}/") is there


def test_folders_and_files_that_are_made(files: Files) -> None:
    assert files.names("/lib/firmware") == []
    files.write("/lib/firmware/a/x.bin", b"1")
    files.write("/lib/firmware/../firmware/y.bin", b"2")
    assert files.names("/lib/firmware/") == ["a", "y.bin"]
    assert files.read("/lib/firmware/y.bin") == b"2"


@pytest.mark.parametrize(
    ("path", "error"),
    [("/proc/version", PermissionError), ("/lib/firmware", FileNotFoundError), ("/etc/x", FileNotFoundError)],
)
def test_what_cannot_be_written(files: Files, path: str, error: type[OSError]) -> None:
    assert not files.can_write(path)
    with pytest.raises(error):
        files.write(path, b"")


def test_what_cannot_be_read(files: Files) -> None:
    with pytest.raises(PermissionError):
        files.read("/sys/only/written")
    with pytest.raises(FileNotFoundError):
        files.read("/proc")


def test_a_board_has_what_software_looks_at(board: VirtualBoard) -> None:
    assert board.files.read(f"{SYSFS}/state") == b"unknown\n"
    assert board.files.read(f"{SYSFS}/flags") == b"0\n"
    assert b"Zynq FPGA Manager" in board.files.read(f"{SYSFS}/name")
    assert board.files.read("/sys/class/uio/uio0/name") == b"fabric\n"
    assert board.files.read("/proc/device-tree/chosen/pynq_board") == b"Zybo Z7-10\0"


def test_each_boot_has_an_identity(make_board) -> None:
    first, second = (make_board().files.read("/proc/sys/kernel/random/boot_id") for _ in range(2))
    assert first != second
