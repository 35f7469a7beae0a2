"""A board through its port: files, registers of the processing system, and the fabric only where it is ours."""

from __future__ import annotations

import re

from gatewright.doctor.finding import Finding, Verdict
from gatewright.driver.board import loaded
from gatewright.driver.board.buffers import LEFT_BY_THE_KILLED
from gatewright.driver.board.clocks import read_clock
from gatewright.driver.board.loaded import LoadedDesign
from gatewright.driver.board.pynq_versions import FIRMWARE, BoardPort
from gatewright.driver.board.vouched import DOUBTFUL, doubts
from gatewright.spec.boards import Board
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.ports import port_width
from gatewright.spec.registers import ID, REGISTER_BYTES, register

__all__ = ["clock", "design", "firmware", "manager", "memory", "ports", "zocl"]

_TOLERANCE = 1e-3
_ENOUGH_KIB = 48 << 10
"""Of contiguous memory, for the recommender's program and room for another's."""


def zocl(port: BoardPort) -> Finding:
    """The kernel driver below XRT, which gives contiguous memory."""
    version = port.read_text("/sys/module/zocl/version")
    if version:
        return Finding("zocl", Verdict.GOOD, f"version {version}")
    return Finding(
        "zocl", Verdict.ODD, "no version in /sys/module/zocl", "modprobe zocl, if memory cannot be had below"
    )


def memory(port: BoardPort) -> Finding:
    """What Linux has reserved for contiguous buffers, and what is left of it."""
    text = port.read_text("/proc/meminfo")
    found = {name: int(size) for name, size in re.findall(r"^(Cma\w+):\s+(\d+)", text, re.MULTILINE)}
    if "CmaFree" not in found or "CmaTotal" not in found:
        return Finding("memory", Verdict.ODD, "/proc/meminfo says nothing of contiguous memory (CMA)")
    said = f"{found['CmaFree'] >> 10} of {found['CmaTotal'] >> 10} MiB of contiguous memory are free"
    if found["CmaFree"] >= _ENOUGH_KIB:
        return Finding("memory", Verdict.GOOD, said)
    remedy = LEFT_BY_THE_KILLED if port.remote else "end other notebooks and programs; boot with cma=128M"
    return Finding("memory", Verdict.ODD, said, remedy)


def manager(port: BoardPort) -> Finding:
    """What Linux says of the fabric."""
    state = loaded.state(port)
    if not state:
        return Finding("fpga manager", Verdict.BAD, "no /sys/class/fpga_manager/fpga0", "boot an image of PYNQ")
    if state == loaded.OPERATING:
        return Finding("fpga manager", Verdict.GOOD, state)
    remedy = (
        "gatewright flash" if state == "unknown" else "the last bitstream was refused: gatewright flash another one"
    )
    return Finding("fpga manager", Verdict.ODD, state, remedy)


def design(port: BoardPort, board: Board, ours: LoadedDesign | None) -> Finding:
    """Which design is in the fabric. Its registers are read only where it is noted as ours."""
    if ours is None:
        return Finding("design", Verdict.ODD, "none that is known to be ours: it is not touched", "gatewright flash")
    if ours.board != board.name:
        return Finding(
            "design", Verdict.BAD, f"{ours.stem} is for {ours.board}", f"gatewright flash --board {board.name}"
        )
    window = port.window(board.registers_base, REGISTER_BYTES)
    found = window.read(register("ID").offset)
    if found != ID:
        return Finding("design", Verdict.BAD, f"{ours.stem} answers with ID {found:#010x}", "gatewright flash")
    low, high = (window.read(register(f"CONFIG_HASH_{part}").offset) for part in ("LO", "HI"))
    if high << 32 | low != ours.config.hash:
        return Finding("design", Verdict.BAD, f"{ours.stem} has another configuration's hash", "gatewright flash")
    said = f"{ours.stem}, config {ours.config.name}, answers"
    if ours.unvouched:
        return Finding("design", Verdict.ODD, f"{said}; {doubts(ours.unvouched)}", DOUBTFUL)
    return Finding("design", Verdict.GOOD, said)


def clock(port: BoardPort, board: Board, ours: LoadedDesign | None) -> Finding:
    """From the PLL's and the dividers' own registers."""
    block = board.family.clocks
    found = read_clock(port.window(block.base, block.size), board)
    said = f"{found.mhz:.3f} MHz ({found.pll or 'unknown'} PLL {found.pll_mhz:.3f} MHz / {found.divisor0} / "
    said += f"{found.divisor1})"
    if not found.mhz:
        return Finding("clock", Verdict.BAD, f"stands still: {said}", "gatewright flash sets it")
    expected = board.fabric_pll_mhz
    if ours is not None and found.mhz > ours.closed_mhz * (1 + _TOLERANCE):
        said += f", faster than the {ours.closed_mhz:g} MHz that the design is closed at"
        return Finding("clock", Verdict.BAD, said, "gatewright flash sets it")
    if found.pll == board.plls[0].name and abs(found.pll_mhz - expected) > _TOLERANCE * expected:
        said += f"; the board file says {expected:.3f} MHz"
        return Finding("clock", Verdict.ODD, said, "is it this board? --board names another; dividers follow the PLL")
    return Finding("clock", Verdict.GOOD, said)


def ports(port: BoardPort, board: Board, ours: LoadedDesign | None) -> Finding:
    """Widths of the memory ports. Their registers answer only while the fabric's clock runs: not without our design."""
    if ours is None:
        return Finding(
            "ports", Verdict.ODD, "not looked at: without our design the board could stop", "gatewright flash"
        )
    for name in board.memory_ports:
        entry = port_width(board.family, name)
        for address in entry.addresses:
            bits = entry.bits(port.window(address & ~0xFFF, 0x1000).read(address & 0xFFF))
            if bits != 8 * BUS_BYTES:
                said = f"{name} is {bits} bits wide at {address:#x}, the fabric has {8 * BUS_BYTES}"
                return Finding(
                    "ports", Verdict.BAD, said, "gatewright flash sets it on a KV260; else boot PYNQ's image"
                )
    return Finding("ports", Verdict.GOOD, f"{', '.join(board.memory_ports)}: {8 * BUS_BYTES} bits")


def firmware(port: BoardPort, ours: LoadedDesign | None) -> Finding:
    """Files of former designs, which nothing removes."""
    old = [name for name in port.firmware() if ours is None or name != f"{ours.stem}.bin"]
    if not old:
        return Finding("firmware", Verdict.GOOD, "no files of former designs")
    return Finding("firmware", Verdict.ODD, f"{len(old)} files of former designs", f"rm {FIRMWARE}/gatewright-*.bin")
