"""`gatewright info`: configurations, and what this machine can run."""

from rich.table import Table

from gatewright import Accelerator, __version__
from gatewright.cli.console import output, step
from gatewright.cli.options import Config
from gatewright.driver import BackendUnavailable
from gatewright.driver.backends import BACKENDS
from gatewright.spec.config import CONFIGS, get_config

__all__ = ["info"]


def _why_not(backend: str, config: str) -> str:
    """Empty when the backend opens."""
    try:
        Accelerator(config, backend).close()
    except BackendUnavailable as error:
        return str(error)
    return ""


def info(config: Config = "tiny") -> None:
    """Show the configurations, and open every backend with one of them (the RTL is built on first use)."""
    get_config(config)
    console = output()
    console.print(f"gatewright {__version__}")
    configs = Table("config", "part", "MHz (assumed)", "array", "MACs/cycle", "max K", "max keys", "hash")
    for entry in CONFIGS.values():
        configs.add_row(
            entry.name,
            entry.part,
            f"{entry.clock_mhz:g}",
            f"{entry.array_rows} x {entry.array_cols}",
            str(entry.macs_per_cycle),
            str(entry.gemm_max_k),
            str(entry.max_seq),
            entry.hash_text,
        )
    console.print(configs)
    backends = Table("backend", f"runs {config}", "why not")
    for name in BACKENDS:
        with step(f"opening backend {name}"):
            reason = _why_not(name, config)
        backends.add_row(name, "no" if reason else "yes", reason)
    console.print(backends)
