"""A board for the driver without one: pynq itself over a device whose fabric is the golden machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from gatewright.spec.boards import Board, get_board
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright_hw.build import Request, build
from gatewright_sim.golden.machine import GoldenMachine
from gatewright_sim.memory import SimulatedMemory

__all__ = ["BOARD", "STATE", "make_design", "make_device"]

BOARD = get_board("zybo-z7-10")
SLCR = BOARD.family.clocks
STATE = "/sys/class/fpga_manager/fpga0/state"


def make_design(
    folder: Path, board: Board = BOARD, config: str = "tiny", mhz: float | None = None, unvouched: tuple[str, ...] = ()
) -> Path:
    """A built design, without hardware."""
    build("simulation", Request.of(board, get_config(config), mhz, unvouched=unvouched), folder)
    return folder


def make_device(config: AcceleratorConfig) -> Any:
    """A ``pynq.Device`` like a Zynq-7000's. A cacheable buffer is a cache of device memory: only a sync moves it."""
    from pynq.buffer import PynqBuffer
    from pynq.pl_server.device import Device
    from pynqmetadata.frontends import Metadata
    from pynqmetadata.views.runtime import RuntimeMetadataParser

    class GoldenDevice(Device):
        def __init__(self) -> None:
            super().__init__("golden")
            self.name = "golden"
            self.arch = "armv7l"
            self.capabilities = {"REGISTER_RW": True}
            self.memory = SimulatedMemory(0x1000_0000)
            self.machine = GoldenMachine(config, self.memory)
            self.downloads: list[str] = []
            self.live = 0
            self.syncs: list[tuple[str, int]] = []
            self.broken_flush = False
            self.log: list[tuple[str, int, int]] = []  # accesses of registers: what, address, value
            self.state_after_download = "operating"
            self.files = {STATE: b"unknown\n"}
            self.slcr = {SLCR.base + 0x108: 30 << 12, SLCR.base + 0x170: 5 << 8 | 2 << 20}  # IO PLL: 30 x 33.3 MHz

        # ---- files

        def exists_file(self, path: str) -> Any:
            return SimpleNamespace(exists=path in self.files)

        def read_file(self, path: str) -> bytes:
            return self.files[path]

        def write_file(self, path: str, content: bytes) -> None:
            self.files[path] = content

        # ---- the fabric

        def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
            return RuntimeMetadataParser(Metadata(input=Path(bitfile_name).with_suffix(".hwh")))

        def download(self, bitstream: Any, parser: Any = None) -> None:
            self.downloads.append(Path(bitstream.bitfile_name).name)
            self.memory.faults.hang = False
            self.machine.reset()
            self.files[STATE] = self.state_after_download.encode() + b"\n"

        def _inside(self, address: int) -> bool:
            return BOARD.registers_base <= address < BOARD.registers_base + BOARD.window_bytes

        def read_registers(self, address: int, length: int) -> bytes:
            if self._inside(address):
                assert self.files[STATE] == b"operating\n", "an access that nobody answers: the board is frozen"
                value = self.machine.read(address - BOARD.registers_base)
            else:
                value = self.slcr.get(address, 0)
            self.log.append(("read", address, value))
            return value.to_bytes(length, "little")

        def write_registers(self, address: int, data: bytes) -> None:
            value = int.from_bytes(data, "little")
            self.log.append(("write", address, value))
            if self._inside(address):
                assert self.files[STATE] == b"operating\n", "an access that nobody answers: the board is frozen"
                self.machine.write(address - BOARD.registers_base, value)
                self.machine.run()
            else:
                self.slcr[address] = value

        # ---- memory

        def allocate(self, shape: Any, dtype: Any, cacheable: int = 0, **_: Any) -> Any:
            memory = self.memory.allocate(int(np.prod(shape)))
            options = {"device": self, "device_address": memory.address, "bo": (memory.address, cacheable)}
            if cacheable:
                buffer = PynqBuffer(shape, dtype, **options)
                buffer[...] = 0xA5  # what a cache happens to hold
            else:
                buffer = PynqBuffer(shape, dtype, buffer=memory.array.data, **options)
            buffer.memory, buffer.pointer, buffer.return_to, buffer.freed = self, memory, self, True
            self.live += 1
            return buffer

        def return_pointer(self, memory: Any) -> None:
            memory.free()
            self.live -= 1

        def _sync(self, what: str, bo: tuple[int, int], offset: int, nbytes: int) -> np.ndarray | None:
            """The device's bytes; None where nothing is to be done."""
            assert offset == 0, "a slice: pynq from 3.1 on would sync something else"
            address, cacheable = bo
            self.syncs.append((what, nbytes))
            start = address - self.memory.base
            return self.memory.array[start : start + nbytes] if cacheable and not self.broken_flush else None

        def flush(self, bo: Any, offset: int, pointer: int, nbytes: int) -> None:
            inside = self._sync("flush", bo, offset, nbytes)
            if inside is not None:
                inside[...] = _host(pointer, nbytes)

        def invalidate(self, bo: Any, offset: int, pointer: int, nbytes: int) -> None:
            inside = self._sync("invalidate", bo, offset, nbytes)
            if inside is not None:
                _host(pointer, nbytes)[...] = inside

    return GoldenDevice()


def _host(pointer: int, nbytes: int) -> np.ndarray:
    import ctypes

    return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(pointer))
