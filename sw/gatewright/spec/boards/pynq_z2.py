"""PYNQ-Z2 of TUL: XC7Z020, 512 MiB of DDR3 on 16 bits.

Clocks and memory as in PYNQ's base design for the board (Xilinx/PYNQ, boards/Pynq-Z2/base/base.tcl).
"""

from gatewright.spec.boards.board import Board
from gatewright.spec.clocks import Family, Pll
from gatewright.spec.dram import DDR3_1050_X16
from gatewright.spec.memory_port import ZYNQ7_HP

__all__ = ["PYNQ_Z2"]

PYNQ_Z2 = Board(
    name="pynq-z2",
    title="PYNQ-Z2",
    part="xc7z020clg400-1",
    idcode=0x372_7093,
    family=Family.ZYNQ7,
    config="pynq-z2",
    crystal_mhz=50.0,
    plls=(Pll("IO", 20), Pll("ARM", 26), Pll("DDR", 21)),
    boot_mhz=100.0,
    registers_base=0x4000_0000,
    interrupt=61,
    memory_ports=("S_AXI_HP0", "S_AXI_HP2"),
    dram_bytes=512 << 20,
    cma_bytes=128 << 20,
    dram=DDR3_1050_X16,
    memory_port=ZYNQ7_HP,
    images=("PYNQ 3.0.1", "PYNQ 3.1.x"),
)
