"""Processes on the board: what they see, who they are, and what becomes of them when the board freezes or goes."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from gatewright.artefact import Built
from gatewright.spec.errors import GatewrightError
from gatewright_sim.virtual_board import BoardFrozen, VirtualBoard
from gatewright_sim.virtual_board.local import LocalDoor

BOARD = "zybo-z7-10"
TIMEOUT_S = 300
LOCAL = [sys.executable, "-m", "gatewright", "board", "local", "--board", BOARD]

MAP = """
import mmap, os
import numpy as np
def words(address, count=1024):
    file = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
    view = mmap.mmap(file, 4 * count, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=address)
    os.close(file)
    return np.frombuffer(view, np.uint32)
"""
PROGRAM = """
import shutil, sys
shutil.copy(sys.argv[1], "/lib/firmware/design.bin")
with open("/sys/class/fpga_manager/fpga0/flags", "w") as file:
    file.write("0")
with open("/sys/class/fpga_manager/fpga0/firmware", "w") as file:
    file.write("design.bin")
"""


@pytest.fixture
def firmware(built: Built, tmp_path: Path) -> Path:
    path = tmp_path / "built.bin"
    path.write_bytes(built.bit.to_bin())
    return path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/sys/class/fpga_manager/fpga0/state", r"unknown\n"),
        ("/sys/class/fpga_manager/fpga0/name", r"Xilinx Zynq FPGA Manager\n"),
        ("/sys/class/uio/uio0/name", r"fabric\n"),
        ("/sys/class/uio/uio0/maps/map0/addr", r"0x40000000\n"),
        ("/proc/device-tree/chosen/pynq_board", r"Zybo Z7-10\0"),
        ("/proc/version", r"Linux version .*arm"),
        ("/proc/meminfo", r".*CmaTotal: +131072 kB"),
        ("/proc/interrupts", r".* 61 +\w+ +fabric\n"),
    ],
)
def test_the_boards_files(path: str, expected: str, run) -> None:
    assert re.match(expected, run("cat", path).stdout, re.DOTALL)
    python = f"import os; print(os.path.isfile({path!r}), os.access({path!r}, os.R_OK), open({path!r}).read(), sep='')"
    assert re.match("TrueTrue" + expected, run(sys.executable, "-c", python).stdout, re.DOTALL)


def test_other_files_are_the_machines(run, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("here")
    assert run("cat", "own").stdout == "here"
    assert run("cat", "/etc/hostname").stdout == Path("/etc/hostname").read_text()
    assert run("cat", "/proc/self/comm").stdout == "cat\n"


def test_a_board_keeps_its_own_firmware(run) -> None:
    run("sh", "-c", "echo words > /lib/firmware/some.bin")
    assert run("cat", "/lib/firmware/some.bin").stdout == "words\n"
    assert not Path("/lib/firmware/some.bin").exists()
    run("rm", "/lib/firmware/some.bin")
    assert run("ls", "/lib/firmware").stdout == ""


def test_programming(run, board: VirtualBoard, firmware: Path) -> None:
    run(sys.executable, "-c", PROGRAM, firmware)
    assert run("cat", "/sys/class/fpga_manager/fpga0/state").stdout == "operating\n"
    assert board.design is not None
    read = run(sys.executable, "-c", MAP + "print(hex(words(0x4000_0000)[0]))").stdout
    assert read == "0x47575254\n"


def test_programming_from_a_shell(run, board: VirtualBoard, firmware: Path) -> None:
    manager = "/sys/class/fpga_manager/fpga0"
    run("sh", "-c", f"cp {firmware} /lib/firmware/d.bin; echo 0 >{manager}/flags; echo d.bin >{manager}/firmware")
    deadline = time.monotonic() + TIMEOUT_S
    while board.manager.state == "unknown" and time.monotonic() < deadline:
        time.sleep(0.01)  # a shell's own echo does not wait for the answer
    assert board.manager.state == "operating"


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-8], lambda data: data[:48] + data[52:], lambda data: b"foreign!"]
)
def test_a_refused_bitstream_is_an_error_of_the_write(damage, run, board: VirtualBoard, firmware: Path) -> None:
    firmware.write_bytes(damage(firmware.read_bytes()))
    done = run(sys.executable, "-c", PROGRAM, firmware, check=False)
    assert "OSError: [Errno 22] Invalid argument" in done.stderr
    assert board.manager.state == "write error"


def test_children_and_threads_are_on_the_board(run) -> None:
    code = (
        MAP
        + """
import multiprocessing, threading
clocks = words(0xF800_0000)
def one(found): found.append(int(clocks[0x170 // 4]))
def child(queue): queue.put(int(clocks[0x170 // 4]))
found, queue = [], multiprocessing.get_context("fork").Queue()
threads = [threading.Thread(target=one, args=(found,)) for _ in range(4)]
processes = [multiprocessing.get_context("fork").Process(target=child, args=(queue,)) for _ in range(2)]
for each in threads + processes: each.start()
for each in threads + processes: each.join()
print(*found, *(queue.get() for _ in processes))
"""
    )
    assert set(run(sys.executable, "-c", code).stdout.split()) == {str(0x0010_0A00)}


def test_processes_share_the_board(run) -> None:
    run(sys.executable, "-c", MAP + "words(0xF800_0000)[0x180 // 4] = 0x0020_0300")
    assert run(sys.executable, "-c", MAP + "print(hex(words(0xF800_0000)[0x180 // 4]))").stdout == "0x200300\n"


def test_processes_at_once(door: LocalDoor) -> None:
    """Each reads what it wrote, whatever the others do."""
    code = (
        MAP
        + """
import sys
clocks, at = words(0xF800_0000), int(sys.argv[1]) // 4
for value in range(300):
    clocks[at] = value
    assert clocks[at] == value
print("done")
"""
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(offset)], env=door.environment(), stdout=subprocess.PIPE, text=True
        )
        for offset in (0x180, 0x190, 0x1A0)
    ]
    assert [process.communicate(timeout=TIMEOUT_S)[0] for process in processes] == ["done\n"] * 3


def test_a_process_outlives_the_thread_that_started_it(door: LocalDoor) -> None:
    code = "import sys; print('ready', flush=True); sys.stdin.read(); print('alive')"
    started = []

    def start() -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen([sys.executable, "-c", code], env=door.environment(), text=True, **pipes))
        assert started[0].stdout.readline() == "ready\n"

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert started[0].communicate(timeout=TIMEOUT_S)[0] == "alive\n"


def test_faults_of_its_own_stay_its_own(run) -> None:
    code = "import faulthandler, ctypes; faulthandler.enable(); ctypes.string_at(0)"
    done = run(sys.executable, "-c", MAP + "words(0xF800_0000)[0]\n" + code, check=False)
    assert done.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in done.stderr


def test_a_process_may_close_all_its_files(run, tmp_path: Path) -> None:
    code = """
clocks = words(0xF800_0000)
print(hex(clocks[0x170 // 4]), flush=True)
os.closerange(3, 1000)
files = [open("/dev/full", "r+b", buffering=0) for _ in range(20)]
print(hex(clocks[0x170 // 4]))
"""
    assert run(sys.executable, "-c", MAP + code).stdout.split() == ["0x100a00"] * 2


@pytest.mark.parametrize("door", [{"uio": False}], indirect=True)
def test_without_uio(run) -> None:
    code = "import os; print(os.listdir('/sys/class/uio'), os.path.exists('/dev/uio0'))"
    assert run(sys.executable, "-c", code).stdout == "[] False\n"


@pytest.mark.parametrize("door", [{"root": False}], indirect=True)
def test_an_ordinary_user_touches_no_device(run) -> None:
    code = """
import os
print(os.geteuid(), os.access("/dev/mem", os.W_OK), open("/sys/class/fpga_manager/fpga0/state").read().strip())
for path in ("/dev/mem", "/dev/uio0", "/lib/firmware/a.bin", "/sys/class/fpga_manager/fpga0/firmware"):
    try:
        open(path, "w")
    except PermissionError as error:
        print(error.filename)
"""
    assert run(sys.executable, "-c", code).stdout.split() == [
        "1000",
        "False",
        "unknown",
        "/dev/mem",
        "/dev/uio0",
        "/lib/firmware/a.bin",
        "/sys/class/fpga_manager/fpga0/firmware",
    ]


@pytest.mark.parametrize("door", [{"xrt": False}], indirect=True)
def test_without_xrt(run, monkeypatch) -> None:
    code = "import os, shutil; print(os.environ.get('XILINX_XRT'), shutil.which('xclbinutil')); import pyxrt"
    done = run(sys.executable, "-c", code, check=False)
    assert done.stdout == "None None\n"
    assert "No module named 'pyxrt'" in done.stderr


def test_what_a_process_leaves_is_freed(run, board: VirtualBoard) -> None:
    code = """
import ctypes, os
xrt = ctypes.CDLL(os.environ["XILINX_XRT"] + "/lib/libxrt_core.so")
xrt.xclOpen.restype = ctypes.c_void_p
handle = ctypes.c_void_p(xrt.xclOpen(0, None, 0))
print(xrt.xclAllocBO(handle, ctypes.c_size_t(100), 0, 0), xrt.xclAllocBO(None, ctypes.c_size_t(100), 0, 0))
os.kill(os.getpid(), 9)
"""
    done = run(
        sys.executable, "-c", "print(1, flush=True)\n" + code.replace("0))\nos", "0), flush=True)\nos"), check=False
    )
    assert done.stdout.split() == ["1", "1", "-1"]
    deadline = time.monotonic() + 10
    while board.memory.buffers and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not board.memory.buffers


@pytest.mark.parametrize(("code", "expected"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_exit_codes(code: str, expected: int, door: LocalDoor) -> None:
    assert door.run(["sh", "-c", code]) == expected


def test_no_such_command(door: LocalDoor) -> None:
    with pytest.raises(GatewrightError, match="'nonesuch' cannot run: No such file"):
        door.run(["nonesuch"])


@pytest.mark.parametrize("door", [{"frozen_s": 0.5}], indirect=True)
def test_a_frozen_board_ends_its_processes(door: LocalDoor) -> None:
    code = MAP + "words(0x4000_0000)[0]"
    with pytest.raises(BoardFrozen, match="read of 0x40000000 is not answered: the fabric is not programmed"):
        door.run([sys.executable, "-c", code])


def test_what_killed_boards_left_is_swept_up(board: VirtualBoard, tmp_path: Path, monkeypatch) -> None:
    tmp_path = tmp_path / "a name too long for the address of a socket".ljust(150, ".")
    tmp_path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    for owner in (2**22 + 1, others.pid):  # no Linux numbers processes so high
        (tmp_path / f"gatewright-board-{owner}-left" / "root").mkdir(parents=True)
    with LocalDoor(board) as door:
        assert door.run(["cat", "/sys/class/fpga_manager/fpga0/state"]) == 0
        names = {path.name.rpartition("-")[0] for path in tmp_path.iterdir()}
        assert names == {f"gatewright-board-{number}" for number in (others.pid, os.getpid())}
    others.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 0)])
def test_signals_are_for_the_command(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to the command as well: the board waits for what that makes of it."""
    waits = "import sys; print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [*LOCAL, "--", sys.executable, "-c", waits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as local:
        assert local.stdout.readline() == "ready\n"
        local.send_signal(number)
        if code:
            local.wait(timeout=60)
        local.communicate(timeout=60)  # which ends what still reads
    assert local.returncode == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("waits", ["clocks[0]", "signal.pause()"], ids=["asking", "idle"])
def test_a_command_ends_with_its_board(waits: str) -> None:
    """The idle one pauses again: it is told of each thread that the board's process loses on its way to the end."""
    code = MAP + f"import signal\nclocks = words(0xF800_0000)\nprint('ready', flush=True)\nwhile True: {waits}"
    with subprocess.Popen(
        [*LOCAL, "--", sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as local:
        assert local.stdout.readline() == "ready\n"
        os.kill(local.pid, signal.SIGKILL)
        _, errors = local.communicate(timeout=60)  # the pipes are open until the process on the board has ended
    assert errors.startswith("gatewright: virtual board: its process has ended")
    assert len(errors.splitlines()) == 1
