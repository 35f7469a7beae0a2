"""A command that runs as if on the board, PYNQ's own on-board code in it unchanged.

Real: PYNQ, numpy, Python, the driver; the RTL, its clock and interrupt; every register access, one by one. Stood in
for: the kernel's drivers (FPGA manager, UIO, ``/dev/mem``, zocl) and XRT's library, module and ``xclbinutil``
(``stubs/``). The processor is the host's: its code is x86-64, and a second image of each cacheable buffer is its cache.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gatewright.spec.clocks import Family
from gatewright.spec.errors import GatewrightError
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.local.library import library
from gatewright_sim.virtual_board.local.root import DEVICES, SHOWN, UIO, Root
from gatewright_sim.virtual_board.local.server import Server

__all__ = ["FROZEN_S", "LocalDoor"]

MACHINE = {Family.ZYNQ7: "armv7l", Family.ZYNQMP: "aarch64"}
FROZEN_S = 10.0
USER = 1000
_STUBS = Path(__file__).parent / "stubs"
_PREFIX = "gatewright-board-"


class LocalDoor:
    """Processes on a virtual board. A context manager; the board is the caller's to close.

    Parameters
    ----------
    board : where commands run.
    root : as root; an ordinary user otherwise, who may touch no device.
    xrt : with XRT's environment; without, as in a shell that has not read ``/etc/profile.d``.
    uio : with a UIO node for the interrupt.
    frozen_s : seconds that processes of a frozen board wait before they are ended. A real one waits for ever.

    Raises :class:`~gatewright.driver.errors.BackendUnavailable` where this machine cannot.
    """

    def __init__(
        self,
        board: VirtualBoard,
        *,
        root: bool = True,
        xrt: bool = True,
        uio: bool = True,
        frozen_s: float = FROZEN_S,
    ) -> None:
        self._board = board
        self._frozen_s = frozen_s
        self._library = library()
        _sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        socket = self._folder / "board"
        try:
            self._install(xrt)
            self._server = Server(board, Root(board, self._folder / "root", uio), socket)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        devices = {path: kind for path, kind in DEVICES.items() if uio or path != UIO}
        self._settings = {
            "GATEWRIGHT_BOARD_SOCKET": str(socket),
            "GATEWRIGHT_BOARD_PROCESS": str(os.getpid()),
            "GATEWRIGHT_BOARD_ROOT": str(self._folder / "root"),
            "GATEWRIGHT_BOARD_PATHS": ":".join(SHOWN),
            "GATEWRIGHT_BOARD_DEVICES": ":".join(f"{path}={kind}" for path, kind in devices.items()),
            "GATEWRIGHT_BOARD_MACHINE": MACHINE[board.board.family],
            "GATEWRIGHT_BOARD_USER": str(0 if root else USER),
        }
        self._xrt = xrt

    def _install(self, xrt: bool) -> None:
        """The programs and modules that XRT would have brought."""
        programs = self._folder / "bin"
        programs.mkdir()
        if not xrt:
            return
        libraries = self._folder / "xrt" / "lib"
        libraries.mkdir(parents=True)
        (libraries / "libxrt_core.so").symlink_to(self._library)
        modules = self._folder / "python"
        modules.mkdir()
        shutil.copy(_STUBS / "pyxrt.py", modules)
        for name, text in {
            "xclbinutil": f"#!{sys.executable} -IS\n" + (_STUBS / "xclbinutil.py").read_text(),
            "xbutil": '#!/bin/sh\necho "XRT Build Version: 2.13.479"\n',
        }.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Variables that put a process on the board, and its children with it; ``base``: instead of this process's."""
        given = dict(os.environ if base is None else base)
        given.pop("XILINX_XRT", None)

        def before(name: str, value: object, separator: str) -> str:
            return f"{value}{separator}{given[name]}" if given.get(name) else str(value)

        given["LD_PRELOAD"] = before("LD_PRELOAD", self._library, ":")
        if self._xrt:
            given["XILINX_XRT"] = str(self._folder / "xrt")
            given["PATH"] = before("PATH", self._folder / "bin", os.pathsep)
            given["PYTHONPATH"] = before("PYTHONPATH", self._folder / "python", os.pathsep)
        return given | self._settings

    def run(self, command: Sequence[str]) -> int:
        """Run a command with this process's standard streams; its exit code, 128 + n where signal n ended it.

        Raises :class:`BoardFrozen` where the board froze, whose processes are ended after ``frozen_s``, and
        :class:`GatewrightError` where there is no such command.
        """
        ended = threading.Event()
        try:
            with _signals_are_the_commands() as started:
                try:
                    process = subprocess.Popen(command, env=self.environment())
                except OSError as error:
                    raise GatewrightError(f"command {command[0]!r} cannot run: {error.strerror}") from None
                started.append(process)
                threading.Thread(target=self._end_if_frozen, args=(process, ended), daemon=True).start()
                code = process.wait()
        finally:
            ended.set()
        if self._server.frozen.is_set():
            self._board.check()
        return code if code >= 0 else 128 - code

    def _end_if_frozen(self, process: subprocess.Popen[bytes], ended: threading.Event) -> None:
        while not self._server.frozen.wait(0.2):
            if ended.is_set():
                return
        if ended.wait(self._frozen_s):
            return
        for number in {process.pid, *self._server.processes}:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)

    def close(self) -> None:
        """End every connection; processes that are left find the board gone."""
        self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> LocalDoor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sweep() -> None:
    """Remove what boards have left whose process was killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = left.name[len(_PREFIX) :].partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _signals_are_the_commands() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Ctrl-C, which a terminal sends to both, is the command's alone; a wish to end is passed on to what is started."""
    started: list[subprocess.Popen[bytes]] = []
    if threading.current_thread() is not threading.main_thread():
        yield started
        return

    def pass_on(number: int, _: object) -> None:
        for process in started:
            process.send_signal(number)

    handlers = {signal.SIGINT: lambda *_: None, signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
