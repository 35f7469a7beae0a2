"""Kria KV260 of AMD: the K26 module with an XCK26, 4 GiB of DDR4 on 64 bits.

Clocks as Ubuntu for Kria boots them; PYNQ for it is Kria-PYNQ (Xilinx/Kria-PYNQ).
"""

from gatewright.spec.boards.board import Board
from gatewright.spec.clocks import Family, Pll
from gatewright.spec.dram import DDR4_2400_X64
from gatewright.spec.memory_port import ZYNQMP_HP_64

__all__ = ["KV260"]

KV260 = Board(
    name="kv260",
    title="Kria KV260",
    part="xck26-sfvc784-2LV-c",
    idcode=None,
    family=Family.ZYNQMP,
    config="pynq-z2",
    crystal_mhz=100 / 3,
    plls=(Pll("IO", 90, halved=True),),
    boot_mhz=100.0,
    registers_base=0xA000_0000,
    interrupt=121,
    memory_ports=("S_AXI_HP0_FPD", "S_AXI_HP1_FPD"),
    dram_bytes=4 << 30,
    cma_bytes=256 << 20,
    dram=DDR4_2400_X64,
    memory_port=ZYNQMP_HP_64,
    images=("Kria-PYNQ 3.0.1 on Ubuntu 22.04",),
)
