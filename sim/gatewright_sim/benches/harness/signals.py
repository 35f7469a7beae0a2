"""The signals of an AXI port in cocotb, by channel and name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Signals"]


class Signals:
    """What is shown stays until it is shown otherwise.

    Parameters
    ----------
    dut, prefix : cocotb's handle of the design, and how the port's names begin.
    fields : names by channel, besides valid and ready; those that the design does not have are left out.

    Attributes
    ----------
    fields : those that it has.
    """

    def __init__(self, dut: Any, prefix: str, fields: Mapping[str, Sequence[str]]) -> None:
        self.fields = {c: [n for n in names if hasattr(dut, f"{prefix}_{c}{n}")] for c, names in fields.items()}
        self._signals = {
            f"{c}{name}": getattr(dut, f"{prefix}_{c}{name}")
            for c, names in self.fields.items()
            for name in (*names, "valid", "ready")
        }
        self._shown: dict[str, int] = {}

    def bits(self, name: str) -> int:
        """How wide a signal is."""
        return len(self._signals[name])

    def get(self, name: str) -> int:
        """What the design shows."""
        return int(self._signals[name].value)

    def shows(self, name: str) -> int:
        """What this end shows."""
        return self._shown[name]

    def set(self, name: str, value: int) -> None:
        """Show a value from now on."""
        if self._shown.get(name) != value:
            self._shown[name] = value
            self._signals[name].value = value
