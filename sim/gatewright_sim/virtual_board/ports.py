"""The processing system's ports to the fabric: what software can set of them, and what of that is wrong."""

from __future__ import annotations

from collections.abc import Callable

from gatewright.spec.boards import Board
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.ports import PORT_WIDTHS, port_width
from gatewright_sim.virtual_board.address_space import AddressSpace
from gatewright_sim.virtual_board.errors import Unanswered

__all__ = ["PortRegisters"]

BLOCK_BYTES = 0x1000
ISSUING = (0x04, 0x18)
"""Offsets of a port's issuing capabilities, which are 7 after a reset: eight commands in flight (UG585, AFI)."""


class PortRegisters:
    """The AFI (Zynq-7000) or AFIFM (Zynq UltraScale+) blocks of a board.

    Parameters
    ----------
    board : whose.
    clock_mhz : the fabric clock at this moment. The blocks sit in the port's clock domain: without a clock on it, an
        access is never answered (UG585, AFI_WRDATAFIFO_LEVEL).
    """

    def __init__(self, board: Board, clock_mhz: Callable[[], float]) -> None:
        self._board = board
        self._clock_mhz = clock_mhz
        self._values: dict[int, int] = {}
        self._blocks: set[int] = set()
        for entry in PORT_WIDTHS:
            if entry.family is board.family:
                for address in entry.addresses:
                    self._values[address] = self._values.get(address, 0) | entry.encoded(entry.boot_bits)
                    self._blocks.add(address - address % BLOCK_BYTES)

    def add_to(self, space: AddressSpace) -> None:
        """Answer in an address space."""
        for base in self._blocks:
            space.add(base, BLOCK_BYTES, _Block(self, base))

    def read(self, address: int) -> int:
        self._check()
        default = 7 if address % BLOCK_BYTES in ISSUING else 0
        return self._values.get(address, default)

    def write(self, address: int, value: int) -> None:
        self._check()
        self._values[address] = value

    def _check(self) -> None:
        if not self._clock_mhz():
            raise Unanswered("the port's registers need its clock, and the fabric has none")

    def wrong_width(self) -> str:
        """What is wrong with the widths of the ports that the accelerator uses; empty where nothing is."""
        for port in self._board.memory_ports:
            entry = port_width(self._board.family, port)
            for address in entry.addresses:
                bits = entry.bits(self._values[address])
                if bits != 8 * BUS_BYTES:
                    return f"port {port} is set to {bits} bits at {address:#x}, the fabric has {8 * BUS_BYTES}"
        return ""


class _Block:
    """A range of the address space that holds such registers."""

    def __init__(self, ports: PortRegisters, base: int) -> None:
        self._ports = ports
        self._base = base

    def read(self, offset: int) -> int:
        return self._ports.read(self._base + offset)

    def write(self, offset: int, value: int) -> None:
        self._ports.write(self._base + offset, value)
