"""AXI3, AXI4 and AXI4-Lite signatures with the standard signal names (AMBA AXI protocol specification, IHI 0022)."""

from enum import IntEnum

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.ports import ADDRESS_BITS

__all__ = ["Axi3", "Axi4", "AxiLite", "BurstType", "Resp", "master_name"]


class Resp(IntEnum):
    """Response codes: bit 1 means error."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


class BurstType(IntEnum):
    """How the addresses of a burst's beats follow each other; 3 is reserved."""

    FIXED = 0
    INCR = 1
    WRAP = 2


def _channel(prefix: str, flow: type(Out), opposite: type(Out), **widths: int) -> dict[str, wiring.Member]:
    """One channel's signals: payload and valid in ``flow``, ready in the other direction."""
    payload = {f"{prefix}{name}": flow(width) for name, width in (*widths.items(), ("valid", 1))}
    return {**payload, f"{prefix}ready": opposite(1)}


def _channels(id_bits: int, data_bits: int, request: dict[str, int], write: dict[str, int]) -> dict[str, wiring.Member]:
    """The five channels of a master. ``write``: what the generation has on W besides data, strobes and last."""
    address = {"id": id_bits, **request, "burst": 2, "cache": 4, "prot": 3, "qos": 4}
    return {
        **_channel("aw", Out, In, **address),
        **_channel("w", Out, In, **write, data=data_bits, strb=data_bits // 8, last=1),
        **_channel("b", In, Out, id=id_bits, resp=2),
        **_channel("ar", Out, In, **address),
        **_channel("r", In, Out, id=id_bits, data=data_bits, resp=2, last=1),
    }


class Axi4(wiring.Signature):
    """An AXI4 master, without user and region signals. The defaults are the accelerator's own: one ID bit that is
    always 0.

    Parameters
    ----------
    id_bits, address_bits, data_bits : widths.
    """

    def __init__(self, id_bits: int = 1, address_bits: int = ADDRESS_BITS, data_bits: int = 8 * BUS_BYTES) -> None:
        super().__init__(_channels(id_bits, data_bits, {"addr": address_bits, "len": 8, "size": 3, "lock": 1}, {}))


class Axi3(wiring.Signature):
    """An AXI3 master as the ports of Zynq-7000's processing system have it: 32-bit addresses, at most 16 beats, two
    bits of size and of lock, an ID on write data, and QoS as in AXI4 (UG585, table 5-1 and chapter 5.3).

    Parameters
    ----------
    id_bits, data_bits : widths.
    """

    def __init__(self, id_bits: int, data_bits: int) -> None:
        request = {"addr": 32, "len": 4, "size": 2, "lock": 2}
        super().__init__(_channels(id_bits, data_bits, request, {"id": id_bits}))


class AxiLite(wiring.Signature):
    """An AXI4-Lite master with 32-bit data; a slave is its flip.

    Parameters
    ----------
    address_bits : width of the byte address.
    """

    def __init__(self, address_bits: int) -> None:
        request = {"addr": address_bits, "prot": 3}
        super().__init__(
            {
                **_channel("aw", Out, In, **request),
                **_channel("w", Out, In, data=32, strb=4),
                **_channel("b", In, Out, resp=2),
                **_channel("ar", Out, In, **request),
                **_channel("r", In, Out, data=32, resp=2),
            }
        )


def master_name(port: int) -> str:
    """The name of a design's master, by the number of its memory port."""
    return f"m_axi_{port}" if port else "m_axi"
