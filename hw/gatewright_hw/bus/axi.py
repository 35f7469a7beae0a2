"""AXI4 and AXI4-Lite signatures with the standard signal names (AMBA AXI protocol specification, IHI 0022)."""

from enum import IntEnum

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.ports import ADDRESS_BITS

__all__ = ["Axi4", "AxiLite", "Resp"]


class Resp(IntEnum):
    """Response codes: bit 1 means error."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


def _channel(prefix: str, flow: type(Out), opposite: type(Out), **widths: int) -> dict[str, wiring.Member]:
    """One channel's signals: payload and valid in ``flow``, ready in the other direction."""
    payload = {f"{prefix}{name}": flow(width) for name, width in (*widths.items(), ("valid", 1))}
    return {**payload, f"{prefix}ready": opposite(1)}


class Axi4(wiring.Signature):
    """An AXI4 master as Zynq-7000's ports need it: 64-bit data, 32-bit address, one ID bit (always 0), no user or
    region signals."""

    def __init__(self) -> None:
        request = {
            "id": 1, "addr": ADDRESS_BITS, "len": 8, "size": 3, "burst": 2, "lock": 1, "cache": 4, "prot": 3, "qos": 4,
        }  # fmt: skip
        data = {"data": 8 * BUS_BYTES}
        super().__init__(
            {
                **_channel("aw", Out, In, **request),
                **_channel("w", Out, In, **data, strb=BUS_BYTES, last=1),
                **_channel("b", In, Out, id=1, resp=2),
                **_channel("ar", Out, In, **request),
                **_channel("r", In, Out, id=1, **data, resp=2, last=1),
            }
        )


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
