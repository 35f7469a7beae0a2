"""Several register blocks on one AXI4-Lite bus."""

from collections.abc import Mapping

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright_hw.bus.axi import AxiLite

__all__ = ["LiteDecoder"]


class LiteDecoder(wiring.Component):
    """Wires alone: each block sees the accesses to its page, an answer comes from the page that is addressed.

    The master must keep an address until its answer is taken, and have one read and one write under way at most. What
    is outside of the pages is never answered: the master has to know them.

    Parameters
    ----------
    address_bits : of the bus.
    page_bytes : size of a page, a power of two.
    pages : offset of each block's page by the block's name.

    Members
    -------
    bus : AxiLite(address_bits), in.
    <name> : AxiLite, out; with the address bits of a page.
    """

    def __init__(self, address_bits: int, page_bytes: int, pages: Mapping[str, int]) -> None:
        self._page_bits = exact_log2(page_bytes)
        for name, offset in pages.items():
            if offset % page_bytes or not 0 <= offset < 1 << address_bits:
                raise ValueError(
                    f"LiteDecoder: page of {name} is {offset:#x}, allowed: multiples of {page_bytes:#x} below "
                    f"{1 << address_bits:#x}"
                )
        if len(set(pages.values())) < len(pages):
            raise ValueError(f"LiteDecoder: pages are {list(map(hex, pages.values()))}, allowed: different ones")
        self._pages = dict(pages)
        lite = Out(AxiLite(self._page_bits))
        super().__init__({"bus": In(AxiLite(address_bits)), **dict.fromkeys(pages, lite)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        for channels, address in ((("ar", "r"), self.bus.araddr), (("aw", "w", "b"), self.bus.awaddr)):
            for name, offset in self._pages.items():
                with m.If(address[self._page_bits :] == offset >> self._page_bits):
                    m.d.comb += _joined(self.bus, getattr(self, name), channels)
        return m


def _joined(bus: wiring.PureInterface, block: wiring.PureInterface, channels: tuple[str, ...]) -> list[Value]:
    """Assignments of all signals of ``channels`` between the bus and the block that is addressed."""
    found = []
    for name, member in block.signature.members.items():
        prefix = next(each for each in ("ar", "aw", "r", "w", "b") if name.startswith(each))
        if prefix in channels:
            source, sink = (bus, block) if member.flow is Out else (block, bus)
            value, target = getattr(source, name), getattr(sink, name)
            found.append(target.eq(value[: len(target)]))
    return found
