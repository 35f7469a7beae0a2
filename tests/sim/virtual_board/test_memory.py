"""Contiguous memory: caches apart from DRAM, and its limits."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable

import numpy as np
import pytest

from gatewright.driver.errors import OutOfDeviceMemory
from gatewright_sim.virtual_board import VirtualBoard

MIB = 1 << 20


@pytest.mark.parametrize("cacheable", [True, False])
def test_a_cacheable_buffer_needs_a_flush(board: VirtualBoard, cacheable: bool) -> None:
    buffer = board.allocate(5000, cacheable=cacheable)
    buffer.cpu[:] = 7
    assert bool((buffer.dram == 7).all()) is not cacheable
    buffer.sync_for_device()
    assert (buffer.dram == 7).all()


@pytest.mark.parametrize("cacheable", [True, False])
def test_a_cacheable_buffer_needs_an_invalidation(board: VirtualBoard, cacheable: bool) -> None:
    buffer = board.allocate(5000, cacheable=cacheable)
    buffer.dram[:] = 7
    assert bool((buffer.cpu == 7).all()) is not cacheable
    buffer.sync_for_cpu()
    assert (buffer.cpu == 7).all()


def test_a_sync_may_be_of_a_part(board: VirtualBoard) -> None:
    buffer = board.allocate(100, cacheable=True)
    buffer.cpu[:] = 1
    buffer.sync_for_device(10, 20)
    assert np.flatnonzero(buffer.dram).tolist() == list(range(10, 20))


def test_broken_syncs_do_nothing(make_board: Callable[..., VirtualBoard]) -> None:
    board = make_board(broken_flush=True)
    buffer = board.allocate(100, cacheable=True)
    buffer.cpu[:] = 1
    buffer.sync_for_device()
    assert not buffer.dram.any()
    buffer.sync_for_cpu()
    assert buffer.cpu.all()
    plain = board.allocate(100, cacheable=False)
    plain.cpu[:] = 1
    assert plain.dram.all()


def test_buffers_are_zeroed_and_apart(board: VirtualBoard) -> None:
    first = board.allocate(100, cacheable=True)
    first.cpu[:] = 9
    first.sync_for_device()
    address = first.address
    first.free()
    first.free()
    again = board.allocate(100, cacheable=True)
    assert again.address == address
    assert not again.cpu.any()
    assert not again.dram.any()
    other = board.allocate(100, cacheable=True)
    assert other.address - again.address == 8192


@pytest.mark.parametrize(("name", "usable"), [("pynq-z2", 120 * MIB), ("zybo-z7-10", 120 * MIB), ("kv260", 248 * MIB)])
def test_memory_ends(make_board: Callable[..., VirtualBoard], name: str, usable: int) -> None:
    board = make_board(name)
    assert f"CmaTotal: {board.board.cma_bytes >> 10:>14} kB" in board.files.read("/proc/meminfo").decode()
    with pytest.raises(OutOfDeviceMemory):
        board.allocate(usable + 1, cacheable=True)
    half = board.allocate(usable // 2, cacheable=False)
    assert board.memory.free_bytes == usable // 2
    assert f"CmaFree: {usable // 2 >> 10:>15} kB" in board.files.read("/proc/meminfo").decode()
    with pytest.raises(OutOfDeviceMemory):
        board.allocate(usable // 2 + 8192, cacheable=False)
    half.free()
    assert board.memory.free_bytes == usable


@pytest.mark.parametrize(
    ("name", "nbytes", "high"), [("kv260", 4096, True), ("kv260", 4097, False), ("pynq-z2", 64, False)]
)
def test_small_buffers_lie_out_of_reach(
    make_board: Callable[..., VirtualBoard], name: str, nbytes: int, high: bool
) -> None:
    """On Zynq UltraScale+ Linux takes them from above 4 GiB."""
    board = make_board(name)
    buffer = board.allocate(nbytes, cacheable=True)
    assert (buffer.address >= 1 << 32) is high
    buffer.cpu[:] = 1
    buffer.free()
    assert board.allocate(nbytes, cacheable=True).address == buffer.address


def test_another_process_may_map_both_images(board: VirtualBoard) -> None:
    buffer = board.allocate(8192, cacheable=True)
    buffer.cpu[0] = 5
    for image, wanted in ((board.memory.cache, 5), (board.memory.dram, 0)):
        file = os.open(image.path, os.O_RDWR)
        with mmap.mmap(file, len(image.array)) as view:
            assert view[buffer.offset] == wanted
            view[buffer.offset + 1] = 6
        os.close(file)
        assert image.array[buffer.offset + 1] == 6
