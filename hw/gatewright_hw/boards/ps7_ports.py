"""Every port of the primitive PS7, Zynq-7000's processing system (UG585, appendix "Signals"; names and widths as in the
vendor's simulation library).

A table in groups: its AXI ports follow from the signatures of :mod:`gatewright_hw.bus.axi`, the rest from a line per
unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from amaranth.hdl import Shape
from amaranth.lib.wiring import In

from gatewright_hw.bus.axi import Axi3

__all__ = ["AXI_PORTS", "PS7_PORTS", "Direction", "Port", "tie"]


class Direction(Enum):
    """As the primitive sees it; pads lie at the package's own pins."""

    INPUT = "i"
    OUTPUT = "o"
    PAD = "io"


@dataclass(frozen=True)
class Port:
    """``width`` bits."""

    direction: Direction
    width: int


def _m_axi_gp() -> Axi3:
    return Axi3(id_bits=12, data_bits=32)


def _s_axi_gp() -> Axi3:
    return Axi3(id_bits=6, data_bits=32)


def _s_axi_hp() -> Axi3:
    return Axi3(id_bits=6, data_bits=64)


AXI_PORTS: dict[str, Axi3] = {
    **{f"M_AXI_GP{i}": _m_axi_gp() for i in range(2)},
    **{f"S_AXI_GP{i}": _s_axi_gp() for i in range(2)},
    **{f"S_AXI_HP{i}": _s_axi_hp() for i in range(4)},
    "S_AXI_ACP": Axi3(id_bits=3, data_bits=64),
}
"""Its AXI ports by the names that UG585 gives them; each signature is the master's side."""

_HP = ("RDISSUECAP1EN WRISSUECAP1EN", "RACOUNT:3 RCOUNT:8 WACOUNT:6 WCOUNT:8")
_AXI_EXTRAS = {"S_AXI_ACP": ("ARUSER:5 AWUSER:5", ""), **{f"S_AXI_HP{i}": _HP for i in range(4)}}
"""What AXI ports have besides their channels, clock and reset: inputs, outputs."""

_PTP = [f"PTP{event}{way}" for event in ("DELAYREQ", "PDELAYREQ", "PDELAYRESP", "SYNCFRAME") for way in ("RX", "TX")]
_UNITS = {
    "DMA{}": (4, "ACLK DAREADY DRLAST DRTYPE:2 DRVALID", "DATYPE:2 DAVALID DRREADY RSTN"),
    "EMIOCAN{}PHY": (2, "RX", "TX"),
    "EMIOENET{}": (
        2,
        "EXTINTIN GMIICOL GMIICRS GMIIRXCLK GMIIRXD:8 GMIIRXDV GMIIRXER GMIITXCLK MDIOI",
        "GMIITXD:8 GMIITXEN GMIITXER MDIOMDC MDIOO MDIOTN SOFRX SOFTX " + " ".join(_PTP),
    ),
    "EMIOGPIO": (1, "I:64", "O:64 TN:64"),
    "EMIOI2C{}": (2, "SCLI SDAI", "SCLO SCLTN SDAO SDATN"),
    "EMIOPJTAG": (1, "TCK TDI TMS", "TDO TDTN"),
    "EMIOSDIO{}": (2, "CDN CLKFB CMDI DATAI:4 WP", "BUSPOW BUSVOLT:3 CLK CMDO CMDTN DATAO:4 DATATN:4 LED"),
    "EMIOSPI{}": (2, "MI SCLKI SI SSIN", "MO MOTN SCLKO SCLKTN SO SSNTN SSON:3 STN"),
    "EMIOSRAM": (1, "INTIN", ""),
    "EMIOTRACE": (1, "CLK", "CTL DATA:32"),
    "EMIOTTC{}": (2, "CLKI:3", "WAVEO:3"),
    "EMIOUART{}": (2, "CTSN DCDN DSRN RIN RX", "DTRN RTSN TX"),
    "EMIOUSB{}": (2, "VBUSPWRFAULT", "PORTINDCTL:2 VBUSPWRSELECT"),
    "EMIOWDT": (1, "CLKI", "RSTO"),
    "EVENT": (1, "EVENTI", "EVENTO STANDBYWFE:2 STANDBYWFI:2"),
    "FCLK": (1, "CLKTRIGN:4", "CLK:4 RESETN:4"),
    "FTM": (
        1,
        "DTRACEINATID:4 DTRACEINCLOCK DTRACEINDATA:32 DTRACEINVALID TF2PDEBUG:32 TF2PTRIG:4 TP2FTRIGACK:4",
        "TF2PTRIGACK:4 TP2FDEBUG:32 TP2FTRIG:4",
    ),
    "": (1, "DDRARB:4 FPGAIDLEN IRQF2P:20", "IRQP2F:29"),
}
"""Units: how many there are, the inputs and the outputs of each."""

_PADS = {
    "DDR": "A:15 BA:3 CASB CKE CKN CKP CSB DM:4 DQ:32 DQSN:4 DQSP:4 DRSTB ODT RASB VRN VRP WEB",
    "": "MIO:54 PSCLK PSPORB PSSRSTB",
}
_IDLE_HIGH = "EMIOI2C"
"""An idle I2C bus is high. Every other input means nothing while it is low."""


def _group(prefix: str, names: str, direction: Direction) -> dict[str, Port]:
    sizes = (name.partition(":") for name in names.split())
    return {f"{prefix}{name}": Port(direction, int(width or 1)) for name, _, width in sizes}


def _axi(name: str) -> dict[str, Port]:
    prefix, master = name.replace("_", ""), name.startswith("M")
    ports = {f"{prefix}ACLK": Port(Direction.INPUT, 1), f"{prefix}ARESETN": Port(Direction.OUTPUT, 1)}
    for signal, member in AXI_PORTS[name].members.items():
        inward = (member.flow is In) is master
        width = Shape.cast(member.shape).width
        ports[f"{prefix}{signal.upper()}"] = Port(Direction.INPUT if inward else Direction.OUTPUT, width)
    inputs, outputs = _AXI_EXTRAS.get(name, ("", ""))
    return ports | _group(prefix, inputs, Direction.INPUT) | _group(prefix, outputs, Direction.OUTPUT)


def _ports() -> dict[str, Port]:
    ports: dict[str, Port] = {}
    for name in AXI_PORTS:
        ports |= _axi(name)
    for unit, (count, inputs, outputs) in _UNITS.items():
        for number in range(count):
            prefix = unit.format(number)
            ports |= _group(prefix, inputs, Direction.INPUT) | _group(prefix, outputs, Direction.OUTPUT)
    for prefix, pads in _PADS.items():
        ports |= _group(prefix, pads, Direction.PAD)
    return ports


PS7_PORTS = _ports()
"""Every port by its name."""


def tie(name: str) -> int:
    """The value of an input of PS7 that nothing uses."""
    return (1 << PS7_PORTS[name].width) - 1 if name.startswith(_IDLE_HIGH) else 0
