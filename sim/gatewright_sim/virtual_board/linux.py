"""What Linux shows of a board, as far as PYNQ and doctors look."""

from __future__ import annotations

import time
from uuid import uuid4

from gatewright.spec.boards import Board
from gatewright.spec.clocks import Family
from gatewright_sim.virtual_board.files import Files
from gatewright_sim.virtual_board.interrupt import InterruptLine
from gatewright_sim.virtual_board.memory import BoardMemory

__all__ = ["add_linux"]

_VERSION = {
    Family.ZYNQ7: "Linux version 5.15.19-xilinx-v2022.1 (oe-user@oe-host) (arm-xilinx-linux-gnueabi-gcc (GCC) 11.2.0)",
    Family.ZYNQMP: "Linux version 5.15.0-1027-xilinx-zynqmp (buildd@bos) (aarch64-linux-gnu-gcc (GCC) 11.4.0)",
}
UIO = "/sys/class/uio/uio0"


def _meminfo(board: Board, memory: BoardMemory) -> bytes:
    """Linux' own share is a guess: 96 MiB."""
    total, free = board.dram_bytes, board.dram_bytes - (96 << 20) - (memory.fabric.nbytes - memory.free_bytes)
    rows = {"MemTotal": total, "MemFree": free, "MemAvailable": free}
    rows |= {"CmaTotal": memory.total, "CmaFree": memory.free_bytes}
    return "".join(f"{name + ':':<15} {size >> 10:>8} kB\n" for name, size in rows.items()).encode()


def _interrupts(board: Board, line: InterruptLine) -> bytes:
    """PYNQ looks for the line's number in the third column from the right, and takes the last for a UIO node's name."""
    cores = 2 if board.family is Family.ZYNQ7 else 4
    counts = "".join(f"{count:>11}" for count in (line.count, *[0] * (cores - 1)))
    heads = "".join(f"{f'CPU{core}':>11}" for core in range(cores))
    return f"    {heads}\n 52:{counts}     GIC-0 {board.interrupt:>3} Level     fabric\n".encode()


def add_linux(files: Files, board: Board, memory: BoardMemory, line: InterruptLine) -> None:
    """The files of a board's Linux. Kria's has no ``pynq_board``, PYNQ's own images have."""
    files.constant("/proc/sys/kernel/random/boot_id", f"{uuid4()}\n")
    files.constant("/proc/version", f"{_VERSION[board.family]} #1 SMP\n")
    files.special("/proc/interrupts", read=lambda: _interrupts(board, line))
    start = time.monotonic()
    files.special("/proc/uptime", read=lambda: f"{time.monotonic() - start:.2f} 0.00\n".encode())
    files.special("/proc/meminfo", read=lambda: _meminfo(board, memory))
    if board.family is Family.ZYNQ7:
        files.constant("/proc/device-tree/chosen/pynq_board", f"{board.title}\0")
    files.constant(f"{UIO}/name", "fabric\n")
    files.constant(f"{UIO}/maps/map0/addr", f"{board.registers_base:#010x}\n")
    files.constant(f"{UIO}/maps/map0/size", f"{board.window_bytes:#010x}\n")
    files.constant("/sys/module/zocl/version", "2.13.0\n")
