"""The signals of a memory port in cocotb, as the memory sees them."""

from __future__ import annotations

from typing import Any

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


class BusPort:
    """Takes what is asked and shows what is answered; what it shows stays until it is shown otherwise.

    Parameters
    ----------
    dut, prefix : cocotb's handle of the design, and how the port's names begin.
    """

    def __init__(self, dut: Any, prefix: str) -> None:
        self._fields = {c: [n for n in names if hasattr(dut, f"{prefix}_{c}{n}")] for c, names in _FIELDS.items()}
        self._signals = {
            f"{c}{name}": getattr(dut, f"{prefix}_{c}{name}")
            for c, names in self._fields.items()
            for name in (*names, "valid", "ready")
        }
        self._shown: dict[str, int] = {}
        self.rest()

    def rest(self) -> None:
        """Take nothing, answer nothing, and forget what waited."""
        self._waiting: dict[str, tuple[int, ...]] = {}
        for name in ("arready", "awready", "wready", "rvalid", "bvalid"):
            self.set(name, 0)

    def get(self, name: str) -> int:
        """What the design shows."""
        return int(self._signals[name].value)

    def shows(self, name: str) -> int:
        """What the memory shows."""
        return self._shown[name]

    def set(self, name: str, value: int) -> None:
        """Show a value from now on."""
        if self._shown.get(name) != value:
            self._shown[name] = value
            self._signals[name].value = value

    def taken(self, channel: str) -> dict[str, int] | None:
        """What crosses ar, aw or w in this cycle; asserts that a payload that waits stays."""
        if not self.get(f"{channel}valid"):
            assert channel not in self._waiting, f"{channel}: valid was withdrawn before ready"
            return None
        names = self._fields[channel]
        payload = tuple(self.get(channel + name) for name in names)
        assert self._waiting.pop(channel, payload) == payload, f"{channel}: the payload changed before ready"
        if self._shown[f"{channel}ready"]:
            return dict(zip(names, payload, strict=True))
        self._waiting[channel] = payload
        return None

    def answered(self, channel: str) -> bool:
        """Whether the answer on r or b is taken in this cycle, which then is no longer there."""
        if not (self._shown[f"{channel}valid"] and self.get(f"{channel}ready")):
            return False
        self.set(f"{channel}valid", 0)
        return True

    def answer(self, channel: str, **fields: int) -> None:
        """Answer on r or b."""
        for name in self._fields[channel]:
            self.set(channel + name, int(fields[name]))
        self.set(f"{channel}valid", 1)
