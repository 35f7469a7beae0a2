"""The chip's temperature, as Linux gives it: the XADC of Zynq-7000 and the AMS of Zynq UltraScale+ are IIO devices."""

from __future__ import annotations

from pathlib import Path

__all__ = ["temperature"]

IIO = Path("/sys/bus/iio/devices")


def temperature(root: Path = IIO) -> float | None:
    """Degrees Celsius; None where no sensor is found.

    (raw + offset) * scale is in thousandths of a degree (Linux, Documentation/ABI/testing/sysfs-bus-iio).
    """
    for raw in sorted(root.glob("*/in_temp0*_raw")):
        stem = raw.name.removesuffix("_raw")
        try:
            value, scale = (float((raw.parent / f"{stem}_{part}").read_text()) for part in ("raw", "scale"))
            offset_file = raw.parent / f"{stem}_offset"
            offset = float(offset_file.read_text()) if offset_file.exists() else 0.0
        except (OSError, ValueError):
            continue
        return (value + offset) * scale / 1000
    return None
