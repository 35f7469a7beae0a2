"""Zybo Z7-10 of Digilent: XC7Z010, 1 GiB of DDR3L on 32 bits. No PYNQ image: it runs a Linux of its owner's.

Clocks and memory as in Digilent's board file (vivado-boards, zybo-z7-10, preset.xml).
"""

from gatewright.spec.boards.board import Board
from gatewright.spec.clocks import Family, Pll
from gatewright.spec.dram import DDR3_1066_X32
from gatewright.spec.memory_port import ZYNQ7_HP

__all__ = ["ZYBO_Z7_10"]

ZYBO_Z7_10 = Board(
    name="zybo-z7-10",
    title="Zybo Z7-10",
    part="xc7z010clg400-1",
    idcode=0x372_2093,
    family=Family.ZYNQ7,
    config="zybo-z7-10",
    crystal_mhz=100 / 3,
    plls=(Pll("IO", 30), Pll("ARM", 40), Pll("DDR", 32)),
    boot_mhz=100.0,
    registers_base=0x4000_0000,
    interrupt=61,
    memory_ports=("S_AXI_HP0", "S_AXI_HP2"),
    dram_bytes=1 << 30,
    cma_bytes=128 << 20,
    dram=DDR3_1066_X32,
    memory_port=ZYNQ7_HP,
    images=("a Linux with fpga_manager, zocl and PYNQ of one's own",),
)
