"""What a board is: a part, its clocks, its addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gatewright.spec.clocks import ClockSetting, Family, Pll, fastest_at_most
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.dram import Dram
from gatewright.spec.errors import SpecError
from gatewright.spec.memory import MemoryModel
from gatewright.spec.memory_port import MemoryPort

__all__ = ["Board"]


@dataclass(frozen=True)
class Board:
    """A board that the accelerator is built for. One small file each, in this folder.

    Parameters
    ----------
    name, title : what commands call it, and what people call it.
    part : the full name of the FPGA, package and speed grade included, as Vivado spells it.
    idcode : the part's JTAG identity without its revision (bits 27 to 0), which bitstreams carry; None: unchecked.
    family : whose processing system it has.
    config : name of the accelerator configuration that it carries by default.
    crystal_mhz : the processing system's reference clock.
    plls : as the boot loader leaves them; the first one feeds the fabric clocks.
    boot_mhz : fabric clock 0 before any download.
    registers_base : physical address of the register block; of the range that ``window_bytes`` gives, every address
        is answered.
    interrupt_controller_offset : where in that range the interrupt controller lies, which software may leave alone.
    interrupt : number of the interrupt line's input at the interrupt controller (GIC).
    memory_ports : the processing system's ports that the accelerator's masters use, in their order: those first that
        do not share a port of the memory controller (UG585, figure 10-2: HP0 with HP1, HP2 with HP3; UG1085, table
        17-1: HP1 with HP2).
    dram_bytes, cma_bytes : memory of the board, and what its images reserve for contiguous buffers.
    dram : the memory's chips and controller.
    memory_port : what one of ``memory_ports`` costs.
    images : systems that people run on it, for whoever reads a report.
    """

    name: str
    title: str
    part: str
    idcode: int | None
    family: Family
    config: str
    crystal_mhz: float
    plls: tuple[Pll, ...]
    boot_mhz: float
    registers_base: int
    interrupt: int
    memory_ports: tuple[str, ...]
    dram_bytes: int
    cma_bytes: int
    dram: Dram
    memory_port: MemoryPort
    images: tuple[str, ...]
    window_bytes: int = 0x1_0000
    interrupt_controller_offset: int = 0x8000

    @property
    def device(self) -> str:
        """The part without package and grade, as Yosys and the data sheets name it: ``xc7z020``, ``xck26``."""
        found = re.match(r"xc[0-9a-z]*?(?=clg|ffg|fbg|sbg|-)", self.part)
        if found is None:
            raise SpecError(f"board {self.name!r}: part is {self.part!r}, allowed: Vivado's full name of a part")
        return found.group()

    @property
    def fabric_pll_mhz(self) -> float:
        """Frequency of the PLL behind the fabric clocks."""
        return self.plls[0].mhz(self.crystal_mhz)

    @property
    def default_config(self) -> AcceleratorConfig:
        """The configuration that it carries by default."""
        return get_config(self.config)

    def pll(self, name: str) -> Pll:
        """The PLL called ``name``; :class:`SpecError` otherwise."""
        for pll in self.plls:
            if pll.name == name:
                return pll
        raise SpecError(f"board {self.name!r} has no PLL {name!r}, allowed: {', '.join(pll.name for pll in self.plls)}")

    def memory_model(self, clock_mhz: float) -> MemoryModel:
        """The board's memory and its ports, as a fabric of ``clock_mhz`` sees them."""
        return MemoryModel(clock_mhz, self.dram, self.memory_port)

    def clock_at_most(self, mhz: float) -> ClockSetting:
        """The fastest fabric clock that is not above ``mhz``. Raises :class:`SpecError`."""
        try:
            return fastest_at_most(self.fabric_pll_mhz, mhz)
        except SpecError as error:
            raise SpecError(f"board {self.name!r}: {error}") from None
