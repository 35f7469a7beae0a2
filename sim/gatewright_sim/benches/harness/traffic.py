"""Accesses at random to a general-purpose port, none of which changes what the accelerator does."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np
from cocotb import start_soon

from gatewright.spec.boards import Board
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.interrupt_controller import INTERRUPT_REGISTERS
from gatewright.spec.registers import REGISTER_BYTES, REGISTERS, Access, constants
from gatewright_hw.bus.axi import BurstType, Resp
from gatewright_sim.benches.harness import gp_master
from gatewright_sim.benches.harness.gp_master import GpMaster
from gatewright_sim.bursts import PAGE_BYTES, beat_addresses

__all__ = ["Traffic", "random_burst", "random_shape"]

IN_FLIGHT = 6
"""Accesses of the traffic that wait at a time, so that others pass between them."""


def random_shape(rng: np.random.Generator) -> tuple[BurstType, int, int]:
    """Type, size and length of a legal burst, as its fields are on the bus."""
    kind, size = BurstType(rng.integers(3)), int(rng.integers(3))
    return kind, size, int(rng.choice([1, 3, 7, 15]) if kind is BurstType.WRAP else rng.integers(16))


def random_burst(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int, int]:
    """Address, length, size and type of a legal burst in ``low`` .. ``high - 1`` (multiples of 4 KiB)."""
    kind, size, length = random_shape(rng)
    block = length + 1 << size
    page = low + int(rng.integers((high - low) // PAGE_BYTES)) * PAGE_BYTES
    if kind is BurstType.WRAP:
        place = int(rng.integers(PAGE_BYTES // block)) * block + (int(rng.integers(length + 1)) << size)
    else:
        place = int(rng.integers(PAGE_BYTES - block + 1))
    return page + place, length, size, int(kind)


class Traffic:
    """Reads and writes over all that a port may address, checked: answers, and the values that are known. To be used
    as ``async with``; at its end every access has been answered.

    Parameters
    ----------
    master : of the port.
    board, config : where the registers lie, and what the constant ones hold; None: nothing is there.
    addresses : first and one past the last address of each range that the port has.
    rng : seeded.

    Attributes
    ----------
    count : accesses answered so far.
    """

    def __init__(
        self,
        master: GpMaster,
        board: Board | None,
        config: AcceleratorConfig,
        addresses: tuple[tuple[int, int], ...],
        rng: np.random.Generator,
    ) -> None:
        self.count = 0
        self._master, self._rng, self._addresses = master, rng, addresses
        self._window = (
            range(0) if board is None else range(board.registers_base, board.registers_base + board.window_bytes)
        )
        self._pages = {} if board is None else {0: REGISTERS, board.interrupt_controller_offset: INTERRUPT_REGISTERS}
        values = constants(config)
        entries = [(page + entry.offset, entry) for page, block in self._pages.items() for entry in block]
        self._known = {at: values[entry.name] for at, entry in entries if entry.access is Access.CONSTANT}
        self._unknown = {at for at, entry in entries if entry.access is not Access.CONSTANT}
        self._harmful = {at for at, entry in entries if entry.access not in (Access.CONSTANT, Access.RO)}
        self._stopped = False
        self._tasks: list[Any] = []

    async def __aenter__(self) -> Traffic:
        self._tasks = [start_soon(self._keep_going()) for _ in range(IN_FLIGHT)]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._stopped = True
        if kind is None:
            for task in self._tasks:
                await task

    async def _keep_going(self) -> None:
        while not self._stopped:
            access = self._random()
            self._check(await self._master.do(access))
            self.count += 1

    def _random(self) -> gp_master.Access:
        rng, window = self._rng, self._window
        pages = [(window.start + page, window.start + page + REGISTER_BYTES) for page in self._pages]
        places = [*self._addresses, *([(window.start, window.stop), *pages] if window else [])]
        burst = random_burst(rng, *places[rng.integers(len(places))])
        ident, lock = (int(rng.integers(1 << bits)) for bits in (self._master.id_bits, self._master.lock_bits))
        access = gp_master.Access(*burst, id=ident, lock=lock)
        if rng.integers(2):
            return access
        # A write that could change something has no byte enabled.
        harmful = any(self._offset(place) in self._harmful for place in beat_addresses(*burst))
        strobes = 1 if harmful else 16
        access.beats = [(int(rng.integers(1 << 32)), int(rng.integers(strobes))) for _ in range(access.length + 1)]
        access.lead = int(rng.integers(-8, 9))
        if rng.integers(4) == 0:
            access.wid = int(rng.integers(1 << self._master.id_bits))
        return access

    def _offset(self, place: int) -> int | None:
        """Of the word in the window, None elsewhere."""
        return (place - self._window.start) & ~3 if place in self._window else None

    def _check(self, access: gp_master.Access) -> None:
        places = beat_addresses(access.address, access.length, access.size, access.burst)
        expected = Resp.OKAY if access.address in self._window else Resp.DECERR
        assert set(access.resp) == {expected}, f"answered {access.resp}, expected {expected.name}: {access}"
        for place, word in zip(places, access.data, strict=access.beats is None):
            offset = self._offset(place)
            if offset not in self._unknown:
                known = 0 if offset is None else self._known.get(offset, 0)
                assert word == known, f"read {word:#x} at {place:#x}, which holds {known:#x}: {access}"
