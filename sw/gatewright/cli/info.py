"""`gatewright info`: configurations, and what this machine can run."""

from rich.table import Table

from gatewright import __version__
from gatewright.cli.console import output, step
from gatewright.cli.options import Config
from gatewright.driver import Accelerator
from gatewright.driver.backends import backend_names
from gatewright.spec.config import CONFIGS, get_config
from gatewright.spec.errors import GatewrightError

__all__ = ["info"]


def _why_not(backend: str, config: str) -> str:
    """Empty when the backend opens."""
    try:
        Accelerator(config, backend).close()
    except GatewrightError as error:
        return str(error)
    return ""


def info(config: Config = "tiny") -> None:
    """Show the configurations, and open every backend with one of them (the RTL is built on first use)."""
    get_config(config)
    console = output()
    console.print(f"gatewright {__version__}")
    shown = {
        "part": [entry.part for entry in CONFIGS.values()],
        "MHz (assumed)": [f"{entry.clock_mhz:g}" for entry in CONFIGS.values()],
        "int8 array": [f"{entry.array_rows} x {entry.array_cols}" for entry in CONFIGS.values()],
        "lanes of gemm, aggregate, vector": [
            f"{entry.lanes}, {entry.aggregate_lanes}, {entry.vector_lanes}" for entry in CONFIGS.values()
        ],
        "longest K": [str(entry.gemm_max_k) for entry in CONFIGS.values()],
        "most keys": [str(entry.max_seq) for entry in CONFIGS.values()],
        "most features": [str(entry.max_features) for entry in CONFIGS.values()],
        "hash": [entry.hash_text for entry in CONFIGS.values()],
    }
    configs = Table("config", *CONFIGS)
    for name, values in shown.items():
        configs.add_row(name, *values)
    console.print(configs)
    backends = Table("backend", f"runs {config}", "why not")
    for name in backend_names():
        with step(f"opening backend {name}"):
            reason = _why_not(name, config)
        backends.add_row(name, "no" if reason else "yes", reason)
    console.print(backends)
