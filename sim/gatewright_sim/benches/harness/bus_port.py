"""The signals of a memory port in cocotb, as the memory sees them."""

from __future__ import annotations

from typing import Any

from gatewright_sim.benches.harness.signals import Signals

__all__ = ["FIXED", "BusPort"]

FIXED = {"size": 3, "burst": 1, "lock": 0, "cache": 0b0011, "prot": 0, "qos": 0}
"""What a request says besides ID, address and length, where the bus has a signal for it."""
_REQUEST = ("id", "addr", "len", *FIXED)
_FIELDS = {
    "ar": _REQUEST,
    "r": ("id", "data", "resp", "last"),
    "aw": _REQUEST,
    "w": ("id", "data", "strb", "last"),
    "b": ("id", "resp"),
}


class BusPort(Signals):
    """Takes what is asked and shows what is answered.

    Parameters
    ----------
    dut, prefix : cocotb's handle of the design, and how the port's names begin.
    """

    def __init__(self, dut: Any, prefix: str) -> None:
        super().__init__(dut, prefix, _FIELDS)
        self.rest()

    def rest(self) -> None:
        """Take nothing, answer nothing, and forget what waited."""
        self._waiting: dict[str, tuple[int, ...]] = {}
        for name in ("arready", "awready", "wready", "rvalid", "bvalid"):
            self.set(name, 0)

    def taken(self, channel: str) -> dict[str, int] | None:
        """What crosses ar, aw or w in this cycle; asserts that a payload that waits stays."""
        if not self.get(f"{channel}valid"):
            assert channel not in self._waiting, f"{channel}: valid was withdrawn before ready"
            return None
        names = self.fields[channel]
        payload = tuple(self.get(channel + name) for name in names)
        assert self._waiting.pop(channel, payload) == payload, f"{channel}: the payload changed before ready"
        if self.shows(f"{channel}ready"):
            return dict(zip(names, payload, strict=True))
        self._waiting[channel] = payload
        return None

    def answered(self, channel: str) -> bool:
        """Whether the answer on r or b is taken in this cycle, which then is no longer there."""
        if not (self.shows(f"{channel}valid") and self.get(f"{channel}ready")):
            return False
        self.set(f"{channel}valid", 0)
        return True

    def answer(self, channel: str, **fields: int) -> None:
        """Answer on r or b."""
        for name in self.fields[channel]:
            self.set(channel + name, int(fields[name]))
        self.set(f"{channel}valid", 1)
