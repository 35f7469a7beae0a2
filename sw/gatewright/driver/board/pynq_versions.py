"""The one place that knows how PYNQ's versions differ: 3.0.1 and 3.1.x on boards, 3.1.x and 4.0.x for PYNQ.remote.

What the rest of the driver needs of a board is a :class:`BoardPort`: files, windows of registers, contiguous memory,
and a download. Nothing of pynq is imported before one is opened. Facts about pynq: its sources
pl_server/embedded_device.py, xrt_device.py, remote_device.py, global_state.py of 3.0.1, 3.1.2 and 4.0.0.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gatewright.driver.board.causes import NO_XRT, cause, is_rpc
from gatewright.driver.board.deadlines import RPC_TIMEOUT_S, bounded, within
from gatewright.driver.errors import BackendUnavailable, BoardError, OutOfDeviceMemory
from gatewright.driver.hosts import PynqHost

__all__ = ["BOOT", "FIRMWARE", "BoardPort", "Window", "import_pynq", "local_port", "remote_port"]

FIRMWARE = "/lib/firmware"
BOOT = "/proc/sys/kernel/random/boot_id"
"""Another one each time that Linux starts."""
VERSIONS = ((3, 0, 1), (5, 0, 0))
"""The first that is spoken to, and the first that is not."""

_MANAGER = "/sys/class/fpga_manager/fpga0"
_CONNECT_TIMEOUT_S = 15.0
_DOWNLOADS = threading.Lock()
"""``Device.active_device`` is one for all, and downloads look at it whatever device they are given."""


class Window(Protocol):
    """32-bit registers of a part of the address space, by byte offset."""

    def read(self, offset: int) -> int: ...

    def write(self, offset: int, value: int) -> None: ...


def import_pynq() -> Any:
    """The module. Raises :class:`BackendUnavailable` where there is none, or one of a version that is not known."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's own log lines; every failure is raised as well
    try:
        import pynq
    except Exception as error:  # its imports fail in many ways without a board's libraries
        raise BackendUnavailable(
            f"pynq cannot be imported ({error}): on a board use the image's own Python, "
            "elsewhere pip install 'gatewright[remote]'"
        ) from None
    version = str(getattr(pynq, "__version__", ""))
    number = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if not VERSIONS[0] <= number < VERSIONS[1]:
        low, high = (".".join(map(str, bound)) for bound in VERSIONS)
        raise BackendUnavailable(f"pynq is version {version or 'unknown'}, allowed: {low} up to, not including, {high}")
    return pynq


def local_port(pynq: Any) -> BoardPort:
    """The board that this runs on. Raises :class:`BackendUnavailable`."""
    _loop_of_thread()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            device = pynq.Device.active_device
        except Exception as error:  # whatever its probes raise
            why = f"{NO_XRT} ({error})" if Path(_MANAGER).exists() else str(error)
            raise BackendUnavailable(f"pynq finds no board here: {why}") from None
    return BoardPort(pynq, device, "this board")


def remote_port(pynq: Any, host: PynqHost) -> BoardPort:
    """The board behind a PYNQ.remote server. Raises :class:`BoardError` where none answers as one."""
    try:
        from pynq.pl_server.remote_device import RemoteDevice
    except ImportError:
        raise BackendUnavailable(f"pynq {pynq.__version__} has no PYNQ.remote, allowed: 3.1 or newer") from None
    try:
        device = within(_CONNECT_TIMEOUT_S, f"board {host}", lambda: RemoteDevice(0, host.name, host.port))
    except BoardError:
        raise
    except Exception as error:
        if "connect" in str(error):  # pynq's own words
            raise BoardError(f"board {host}: no PYNQ.remote server answers there") from None
        raise BoardError(f"board {host} does not answer as a PYNQ.remote server does: {cause(error)}") from None
    return BoardPort(pynq, device, f"board {host}")


def _loop_of_thread() -> None:
    """Give this thread an event loop where it has none: pynq's devices ask for one when they are made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        policy = asyncio.get_event_loop_policy()
        try:
            policy.get_event_loop()
        except RuntimeError:
            policy.set_event_loop(policy.new_event_loop())


class BoardPort:
    """A board as pynq reaches it. One thread at a time uses it, but a lease's reads and writes files meanwhile.

    Attributes
    ----------
    label : what messages call it.
    remote : whether a network lies between.
    foreign_files : whether the board's files are the device's to give, instead of this system's.
    """

    def __init__(self, pynq: Any, device: Any, label: str) -> None:
        self._pynq = pynq
        self._device = device
        self.label = label
        self.version = str(pynq.__version__)
        self.remote = bool(device.has_capability("REMOTE"))
        self.foreign_files = hasattr(device, "read_file")
        if self.remote:
            channel = bounded(device.client.channel, RPC_TIMEOUT_S)
            device._stub = {name: type(stub)(channel) for name, stub in device._stub.items()}

    # ---- files

    def read_file(self, path: str) -> bytes | None:
        """The file's bytes; None where there is none that can be read."""
        if self.foreign_files:
            with self.asking(f"reading {path}"):
                return bytes(self._device.read_file(path)) if self._device.exists_file(path).exists else None
        with suppress(OSError):
            return Path(path).read_bytes()
        return None

    def read_text(self, path: str) -> str:
        """The file's text without what surrounds it; empty where there is none."""
        return (self.read_file(path) or b"").decode(errors="replace").strip("\0 \n\t")

    def write_file(self, path: str, content: bytes) -> None:
        """Replace a file. Raises :class:`BoardError`."""
        with self.asking(f"writing {path}"):
            if self.foreign_files:
                self._device.write_file(path, content)
            else:
                Path(path).write_bytes(content)

    def firmware(self) -> list[str]:
        """Names of the firmware files of our designs; of a remote board none, which cannot list a folder."""
        return [] if self.remote else sorted(path.name for path in Path(FIRMWARE).glob("gatewright-*.bin"))

    # ---- registers

    def window(self, base: int, nbytes: int) -> Window:
        """Registers from physical address ``base`` on. Nothing is read or written yet."""
        with self.asking(f"opening registers at {base:#x}"):
            return _MmioWindow(self, self._pynq.MMIO(base, nbytes, device=self._device))

    # ---- memory

    def allocate(self, nbytes: int, cacheable: bool) -> Any:
        """A pynq buffer, uint8 [nbytes]. Raises :class:`OutOfDeviceMemory`."""
        try:
            with self.asking("allocating memory"):
                options = {"target": self._device, "cacheable": int(cacheable)}
                buffer = self._pynq.allocate((nbytes,), dtype=np.uint8, **options)
        except BoardError as error:
            if is_rpc(error.__cause__):
                raise
            raise OutOfDeviceMemory(f"pynq cannot allocate {nbytes:,} bytes of contiguous memory: {error}") from None
        if getattr(buffer, "buffer_id", "one") == "":  # PYNQ.remote's way to say that there is no memory left
            buffer.freed = True
            raise OutOfDeviceMemory(f"{self.label} cannot allocate {nbytes:,} bytes of contiguous memory")
        return buffer

    # ---- the fabric

    def describe(self, bit: Path) -> dict[str, Any]:
        """The blocks of an overlay by name, from its handoff. Nothing is loaded. Raises :class:`BoardError`."""
        with _DOWNLOADS, self.asking(f"bitstream {bit}"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not self.remote:
                self._forget_lost_files()
            self._device.set_bitfile_name(str(bit.absolute()))  # where it lies makes the memories known as well
            return dict(self._device.ip_dict)

    def program(self, bit: Path) -> None:
        """Load what :meth:`describe` has read. Whether the fabric took it says the FPGA manager's state."""
        pynq, device = self._pynq, self._device
        with _DOWNLOADS, self.asking(f"loading {bit.name}"), self._active():
            parser = device.parser
            if self.remote:
                parser._from_cache = True  # else what this board has would be noted for all boards of this PC
                self.write_file(f"{FIRMWARE}/{bit.stem}.bin", parser.bin_data)  # pynq keeps one of this name, even half
            pynq.Bitstream(str(bit.absolute()), None, False, device).download(parser)

    def last_download(self) -> str | None:
        """SHA-1 of the ``.bit`` file that a pynq on this board loaded last, as it noted; None where it noted none."""
        if self.remote:
            return None
        notes = sorted(self._notes(), key=lambda path: path.stat().st_mtime)
        with suppress(OSError, ValueError):
            return str(json.loads(notes[-1].read_text()).get("bitfile_hash", "")) if notes else None
        return None

    def _notes(self) -> list[Path]:
        """pynq's notes of what it loaded: one for all devices, from 4.0.0 on one for each."""
        state = getattr(getattr(self._pynq.pl_server, "global_state", None), "STATE_DIR", None)
        return list(Path(state).glob("global_pl_state*.json")) if state else []

    def _forget_lost_files(self) -> None:
        """Remove notes of bitstreams that are gone: pynq 3 reads these files again, and fails, at the next download."""
        for note in self._notes():
            with suppress(OSError, ValueError):
                if not Path(json.loads(note.read_text())["bitfile_name"]).exists():
                    note.unlink()

    @contextmanager
    def _active(self) -> Iterator[None]:
        """pynq writes bus widths to the active device, whichever is loaded."""
        kind = self._pynq.Device
        had, before = hasattr(kind, "_active_device"), getattr(kind, "_active_device", None)
        kind.active_device = self._device
        try:
            yield
        finally:
            if had:
                kind.active_device = before
            else:
                del kind._active_device

    @contextmanager
    def asking(self, what: str) -> Iterator[None]:
        """What pynq raises becomes one sentence."""
        try:
            yield
        except BoardError:
            raise
        except Exception as error:
            raise BoardError(f"{self.label}: {what}: {cause(error)}") from error


class _MmioWindow:
    """One word an access: PYNQ.remote's server writes no more, and pynq 3.1 reads the upper half as negative.

    A request makes some twenty accesses; what is said of one that fails is made up only then.
    """

    def __init__(self, port: BoardPort, mmio: Any) -> None:
        self._port = port
        self._mmio = mmio

    def read(self, offset: int) -> int:
        try:
            return int(self._mmio.read(offset)) & 0xFFFF_FFFF
        except Exception:
            with self._port.asking(f"reading register {offset:#x}"):
                raise

    def write(self, offset: int, value: int) -> None:
        try:
            self._mmio.write(offset, int(value))  # pynq takes exactly an int
        except Exception:
            with self._port.asking(f"writing register {offset:#x}"):
                raise
