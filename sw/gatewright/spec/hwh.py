"""The hardware handoff (``.hwh``) that PYNQ reads beside a bitstream, made from the contract.

Its elements are those that pynq 3.0.1, 3.1.2 and 4.0.0 (with pynqmetadata 0.1.2 and 0.2.0) ask for; a vendor's tool
would write many more. What each is for stands beside it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from gatewright.spec.boards import Board
from gatewright.spec.clocks import MAX_DIVISOR, ClockSetting, Family
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.registers import BLOCK_NAME, REGISTER_BYTES, REGISTERS, Access, Register

__all__ = ["ACCELERATOR", "INTERRUPT_CONTROLLER", "VLNV", "handoff"]

VLNV = f"gatewright:accel:{BLOCK_NAME}:1.0"
"""Vendor, library, name and version of the block, by which software finds it."""

ACCELERATOR = "gatewright"
INTERRUPT_CONTROLLER = "interrupts"
"""Names of the instances in an overlay."""

_AXI = "xilinx.com:interface:aximm:1.0"
_PS = {Family.ZYNQ7: "processing_system7", Family.ZYNQMP: "zynq_ultra_ps_e"}
_MASTER = {Family.ZYNQ7: "M_AXI_GP0", Family.ZYNQMP: "M_AXI_HPM0_FPD"}
_INTERRUPT_INPUT = {Family.ZYNQ7: "IRQ_F2P", Family.ZYNQMP: "pl_ps_irq0"}
_FABRIC_CLOCKS = 4
_CONTROLLER_BYTES = 0x1000

_ACCESS = {
    Access.CONSTANT: "read-only",
    Access.RO: "read-only",
    Access.RW: "read-write",
    Access.COMMAND: "write-only",
    Access.W1C: "read-write",
}


def handoff(board: Board, config: AcceleratorConfig, clock: ClockSetting) -> str:
    """The XML text for ``config`` on ``board``, fabric clock 0 at ``clock``. The same arguments give the same text."""
    root = ET.Element("EDKSYSTEM", EDWVERSION="1.2", TIMESTAMP="", VIVADOVERSION="2024.1")
    _add(root, "SYSTEMINFO", ARCH=board.family.value, DEVICE=board.device, NAME="gatewright", PACKAGE="", SPEEDGRADE="")
    _add(root, "EXTERNALPORTS")  # may be empty, must be there
    _add(root, "EXTERNALINTERFACES")
    modules = _add(root, "MODULES")
    _processing_system(modules, board, clock)
    _accelerator(modules, config)
    _interrupt_controller(modules, board)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, attributes)


def _module(modules: ET.Element, instance: str, kind: str, vlnv: str) -> ET.Element:
    return _add(
        modules,
        "MODULE",
        FULLNAME=f"/{instance}",
        INSTANCE=instance,
        MODTYPE=kind,
        VLNV=vlnv,
        MODCLASS="PERIPHERAL",
        IS_PL="FALSE" if kind in _PS.values() else "TRUE",
    )


def _parameters(module: ET.Element, values: dict[str, str]) -> None:
    parameters = _add(module, "PARAMETERS")
    for name, value in values.items():
        _add(parameters, "PARAMETER", NAME=name, VALUE=value)


def _port(ports: ET.Element, name: str, direction: str, net: str, to: tuple[str, str]) -> None:
    """A one-bit interrupt, and where it leads or comes from; PYNQ follows the connections of both ends."""
    port = _add(ports, "PORT", DIR=direction, NAME=name, SIGIS="INTERRUPT", SIGNAME=net, LEFT="0", RIGHT="0")
    _add(_add(port, "CONNECTIONS"), "CONNECTION", INSTANCE=to[0], PORT=to[1])


def _bus(module: ET.Element, name: str, kind: str) -> None:
    _add(_add(module, "BUSINTERFACES"), "BUSINTERFACE", BUSNAME="bus", DATAWIDTH="32", NAME=name, TYPE=kind, VLNV=_AXI)


def _clock_parameters(board: Board, clock: ClockSetting) -> dict[str, str]:
    """All four clocks, of which PYNQ sets every one, the unused to their slowest."""
    slowest = ClockSetting(MAX_DIVISOR, MAX_DIVISOR, board.fabric_pll_mhz / MAX_DIVISOR**2)
    found: dict[str, str] = {}
    for index in range(_FABRIC_CLOCKS):
        used, setting = ("1", clock) if index == 0 else ("0", slowest)
        if board.family is Family.ZYNQ7:
            found |= {
                f"PCW_FPGA_FCLK{index}_ENABLE": used,
                f"PCW_FCLK{index}_PERIPHERAL_DIVISOR0": str(setting.divisor0),
                f"PCW_FCLK{index}_PERIPHERAL_DIVISOR1": str(setting.divisor1),
                f"PCW_FCLK{index}_PERIPHERAL_CLKSRC": "IO PLL",
            }
        else:
            found |= {
                f"PSU__FPGA_PL{index}_ENABLE": used,
                f"PSU__CRL_APB__PL{index}_REF_CTRL__DIVISOR0": str(setting.divisor0),
                f"PSU__CRL_APB__PL{index}_REF_CTRL__DIVISOR1": str(setting.divisor1),
                f"PSU__CRL_APB__PL{index}_REF_CTRL__SRCSEL": "IOPLL",
            }
        # pynq 4.0.0 reads the frequency under this name on both families.
        found[f"PSU__CRL_APB__PL{index}_REF_CTRL__ACT_FREQMHZ"] = f"{setting.mhz:.6f}"
    return found


def _widths(board: Board) -> dict[str, str]:
    """Widths that PYNQ writes to the AXI FIFO modules of an UltraScale+ at a download; without, lanes are lost."""
    if board.family is Family.ZYNQ7:
        return {}
    ports = (f"C_SAXIGP{2 + int(port[len('S_AXI_HP')])}_DATA_WIDTH" for port in board.memory_ports)
    return {**dict.fromkeys(ports, "64"), "C_MAXIGP0_DATA_WIDTH": "32"}


def _processing_system(modules: ET.Element, board: Board, clock: ClockSetting) -> None:
    kind, master = _PS[board.family], _MASTER[board.family]
    module = _module(modules, "ps", kind, f"xilinx.com:ip:{kind}:{'5.5' if board.family is Family.ZYNQ7 else '3.5'}")
    _parameters(module, {**_clock_parameters(board, clock), **_widths(board)})
    interrupt = _INTERRUPT_INPUT[board.family]
    _port(_add(module, "PORTS"), interrupt, "I", "interrupt", (INTERRUPT_CONTROLLER, "irq"))
    _bus(module, master, "MASTER")
    memory = _add(module, "MEMORYMAP")
    controller = board.registers_base + board.interrupt_controller_offset
    for instance, base, size in (
        (ACCELERATOR, board.registers_base, REGISTER_BYTES),
        (INTERRUPT_CONTROLLER, controller, _CONTROLLER_BYTES),
    ):
        _add(
            memory,
            "MEMRANGE",
            ADDRESSBLOCK="Reg",
            BASEVALUE=f"0x{base:08X}",
            HIGHVALUE=f"0x{base + size - 1:08X}",
            INSTANCE=instance,
            IS_DATA="TRUE",
            MASTERBUSINTERFACE=master,
            MEMTYPE="REGISTER",
            SLAVEBUSINTERFACE="S_AXI",
        )


def _accelerator(modules: ET.Element, config: AcceleratorConfig) -> None:
    module = _module(modules, ACCELERATOR, BLOCK_NAME, VLNV)
    _parameters(module, {"CONFIG_HASH": f"0x{config.hash_text}", "CONFIG_NAME": config.name})
    block = _add(
        _add(module, "ADDRESSBLOCKS"),
        "ADDRESSBLOCK",
        ACCESS="",
        INTERFACE="S_AXI",
        NAME="Reg",
        RANGE=str(REGISTER_BYTES),
        USAGE="register",
    )
    registers = _add(block, "REGISTERS")
    for entry in REGISTERS:
        _register(registers, entry)
    _port(_add(module, "PORTS"), "irq", "O", "accelerator_interrupt", (INTERRUPT_CONTROLLER, "intr"))
    _bus(module, "S_AXI", "SLAVE")


def _properties(parent: ET.Element, values: dict[str, str]) -> None:
    for name, value in values.items():
        _add(parent, "PROPERTY", NAME=name, VALUE=value)


def _register(registers: ET.Element, entry: Register) -> None:
    access = _ACCESS[entry.access]
    register = _add(registers, "REGISTER", NAME=entry.name)
    _properties(
        register,
        {
            "DESCRIPTION": entry.doc,
            "ADDRESS_OFFSET": f"0x{entry.offset:X}",
            "SIZE": "32",
            "ACCESS": access,
            "IS_ENABLED": "true",
        },
    )
    fields = _add(register, "FIELDS")
    for field in entry.fields:
        values = {"BIT_OFFSET": str(field.lsb), "BIT_WIDTH": str(field.width), "ACCESS": access}
        _properties(_add(fields, "FIELD", NAME=field.name), {"DESCRIPTION": field.doc, **values})


def _interrupt_controller(modules: ET.Element, board: Board) -> None:
    """What ``pynq.Interrupt`` needs between block and processor: it knows interrupts by controllers of this name."""
    module = _module(modules, INTERRUPT_CONTROLLER, "axi_intc", "xilinx.com:ip:axi_intc:4.1")
    ports = _add(module, "PORTS")
    _port(ports, "intr", "I", "accelerator_interrupt", (ACCELERATOR, "irq"))
    _port(ports, "irq", "O", "interrupt", ("ps", _INTERRUPT_INPUT[board.family]))
    _bus(module, "S_AXI", "SLAVE")
