"""`gatewright info`: configurations and what this machine can run."""

from rich.table import Table

from gatewright import __version__
from gatewright.cli.console import output
from gatewright.driver.backends import availability
from gatewright.spec.config import CONFIGS

__all__ = ["info"]


def info() -> None:
    """Show the configurations, and which backends are available here."""
    console = output()
    console.print(f"gatewright {__version__}")
    configs = Table("config", "part", "MHz (assumed)", "array", "MACs/cycle", "max K", "max keys", "hash")
    for config in CONFIGS.values():
        configs.add_row(
            config.name,
            config.part,
            f"{config.clock_mhz:g}",
            f"{config.array_rows} x {config.array_cols}",
            str(config.macs_per_cycle),
            str(config.gemm_max_k),
            str(config.max_seq),
            config.hash_text,
        )
    console.print(configs)
    backends = Table("backend", "available", "why not")
    for name, reason in availability().items():
        backends.add_row(name, "no" if reason else "yes", reason or "")
    console.print(backends)
