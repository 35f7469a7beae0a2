"""DRAMs as their controllers drive them: what a simulated memory takes its time from.

Times of the chips are those of their speed bins (JEDEC JESD79-3F and JESD79-4B; Micron's data sheets of MT41K256M16 and
MT40A512M16). How far a controller looks ahead, and how long it stays with one direction, no manual says: both are set
so that the simulated one is as efficient as those that were measured (:mod:`gatewright_sim.dram.silicon`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from gatewright.spec.errors import SpecError

__all__ = ["DDR3_1050_X16", "DDR3_1066_X32", "DDR4_2400_X64", "TRANSFERS", "Dram"]

TRANSFERS = 8
"""Transfers of one access (BL8): what crosses the bus of a DRAM at least."""


@dataclass(frozen=True)
class Dram:
    """A DRAM on one bus, and the controller before it. Times are nanoseconds.

    Parameters
    ----------
    mega_transfers : 10**6 transfers a second, two in each of its clock's cycles; above 0.
    bits : width of its bus, 8, 16, 32 or 64.
    banks, bank_groups : which of the former have rows open at a time; groups of 1 are no groups.
    row_bytes : a row, of all chips together; a power of two.
    read_clocks, write_clocks : cycles from a command to its data (CL, CWL).
    activate, precharge : to open a row before it is used, to close it (tRCD, tRP).
    open_least : that a row is open (tRAS).
    read_to_precharge, write_to_precharge : from a read command, from a write's last data, to the closing (tRTP, tWR).
    activate_to_activate, four_activates : between rows that are opened, and over five of them (tRRD, tFAW).
    write_to_read : from a write's last data to a read command (tWTR).
    group_access : from an access to the next in the same group of banks (tCCD_L).
    refresh, refresh_period : that all banks are lost, and how often (tRFC, tREFI).
    queue : accesses in each direction that the controller chooses among, 1..64.
    write_high : writes that wait, at least, when reads have to make room.
    run : accesses in one direction before the other, where it waits, gets the bus.
    """

    mega_transfers: float
    bits: int
    banks: int
    bank_groups: int
    row_bytes: int
    read_clocks: int
    write_clocks: int
    activate: float
    precharge: float
    open_least: float
    activate_to_activate: float
    four_activates: float
    refresh: float
    refresh_period: float = 7800.0
    read_to_precharge: float = 7.5
    write_to_precharge: float = 15.0
    write_to_read: float = 7.5
    group_access: float = 0.0
    queue: int = 6
    write_high: int = 4
    run: int = 16

    def __post_init__(self) -> None:
        for field in fields(self):
            value, (low, high) = getattr(self, field.name), _LIMITS.get(field.name, (0, 1_000_000))
            if not low <= value <= high:
                raise SpecError(f"DRAM: {field.name} is {value}, allowed {low}..{high}")
        for name in ("bits", "banks", "bank_groups", "row_bytes"):
            if getattr(self, name) & getattr(self, name) - 1:
                raise SpecError(f"DRAM: {name} is {getattr(self, name)}, allowed: powers of two")
        if self.banks % self.bank_groups or self.row_bytes < self.access_bytes:
            raise SpecError(
                f"DRAM: {self.banks} banks in {self.bank_groups} groups, rows of {self.row_bytes} bytes: allowed are "
                f"at most as many groups as banks, and rows of an access, {self.access_bytes} bytes, at least"
            )

    @property
    def access_bytes(self) -> int:
        """Bytes of one access."""
        return TRANSFERS * self.bits // 8

    @property
    def clock_ns(self) -> float:
        """A cycle of its clock."""
        return 2000.0 / self.mega_transfers

    @property
    def bytes_per_second(self) -> float:
        """Its peak rate."""
        return self.mega_transfers * 1e6 * self.bits / 8


_LIMITS: dict[str, tuple[float, float]] = {
    "mega_transfers": (1, 100_000),
    "bits": (8, 64),
    "banks": (1, 64),
    "bank_groups": (1, 8),
    "row_bytes": (8, 1 << 20),
    "refresh_period": (100, 1_000_000),
    "queue": (1, 64),
    "write_high": (1, 64),
    "run": (1, 1000),
}

DDR3_1050_X16 = Dram(
    1050.0, 16, banks=8, bank_groups=1, row_bytes=2048, read_clocks=7, write_clocks=6, activate=13.125,
    precharge=13.125, open_least=37.5, activate_to_activate=10.0, four_activates=50.0, refresh=260.0,
)  # fmt: skip
"""Of PYNQ-Z2: a chip of 4 Gbit, 16 bits wide, in the speed bin of 1,066 mega-transfers."""

DDR3_1066_X32 = replace(DDR3_1050_X16, mega_transfers=3200 / 3, bits=32, row_bytes=4096)
"""Of Zybo Z7: two of these chips."""

DDR4_2400_X64 = Dram(
    2400.0, 64, banks=8, bank_groups=2, row_bytes=8192, read_clocks=16, write_clocks=12, activate=13.32,
    precharge=13.32, open_least=32.0, activate_to_activate=5.3, four_activates=30.0, refresh=350.0, group_access=5.0,
    queue=8,
)  # fmt: skip
"""Of Kria's K26: chips of 8 Gbit, 16 bits wide, in the speed bin 16-16-16."""
