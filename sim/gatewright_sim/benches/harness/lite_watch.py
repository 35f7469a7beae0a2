"""Watches the accelerator's register port in cocotb: what AXI4-Lite promises a master, and when things happen."""

from __future__ import annotations

from typing import Any

from cocotb import start_soon
from cocotb.triggers import RisingEdge

__all__ = ["LiteWatch"]


class LiteWatch:
    """Asserts that every access is answered once, none before it was taken whole, and that an answer stays until the
    master takes it.

    Parameters
    ----------
    dut : cocotb's handle of a design with ports ``clk``, ``irq`` and ``s_axil_*``.

    Attributes
    ----------
    writes : cycle and byte address of each write, when its address crossed.
    irq_rises : cycles from which ``irq`` is high.
    reads : how many were taken.
    overlaps : channels (ar, aw, w) on which something was offered while the answer before it waited for the master.
    """

    def __init__(self, dut: Any) -> None:
        self.writes: list[tuple[int, int]] = []
        self.irq_rises: list[int] = []
        self.reads = 0
        self.overlaps: set[str] = set()
        self._dut = dut
        self._data = self._written = self._read = 0
        start_soon(self._run())

    def _get(self, name: str) -> int:
        return int(getattr(self._dut, f"s_axil_{name}").value)

    def _crosses(self, channel: str) -> bool:
        return bool(self._get(f"{channel}valid") and self._get(f"{channel}ready"))

    async def _run(self) -> None:
        now, irq = 0, 0
        offered: dict[str, tuple[int, ...]] = {}
        while True:
            await RisingEdge(self._dut.clk)
            now += 1
            before, irq = irq, int(self._dut.irq.value)
            if irq and not before:
                self.irq_rises.append(now)
            for channel, fields in (("b", ("bresp",)), ("r", ("rresp", "rdata"))):
                if self._get(f"{channel}valid"):
                    answer = tuple(self._get(field) for field in fields)
                    assert offered.pop(channel, answer) == answer, f"{channel}: the answer changed before it was taken"
                    if not self._get(f"{channel}ready"):
                        offered[channel] = answer
                        asked = ("ar",) if channel == "r" else ("aw", "w")
                        self.overlaps |= {each for each in asked if self._get(f"{each}valid")}
                else:
                    assert channel not in offered, f"{channel}: an answer was withdrawn"
            # Answers first: none belongs to what crosses in its own cycle.
            if self._crosses("b"):
                self._written += 1
                assert self._written <= min(len(self.writes), self._data), "b: an answer to no write"
            if self._crosses("r"):
                self._read += 1
                assert self._read <= self.reads, "r: an answer to no read"
            if self._crosses("aw"):
                self.writes.append((now, self._get("awaddr")))
            self._data += self._crosses("w")
            self.reads += self._crosses("ar")

    def all_answered(self) -> bool:
        """Whether nothing waits for an answer."""
        return len(self.writes) == self._data == self._written and self.reads == self._read
