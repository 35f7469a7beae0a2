"""How the accelerator's counters are printed; of a backend without a clock, which counts no cycles, only bounds."""

from rich.table import Table

from gatewright.driver import Report
from gatewright.spec.config import AcceleratorConfig

__all__ = ["engine_table", "milliseconds", "time_text"]


def engine_table(report: Report) -> Table:
    """Commands, cycles and bounds by engine."""
    table = Table("engine", "commands", *(["cycles"] if report.cycles else []), "compute bound", "memory bound")
    for engine in report.engines:
        cycles = (engine.cycles,) if report.cycles else ()
        row = (engine.commands, *cycles, engine.min_cycles_compute, engine.min_cycles_memory)
        table.add_row(engine.name, *(f"{value:,}" for value in row))
    return table


def milliseconds(report: Report, config: AcceleratorConfig, clock_mhz: float | None = None) -> float:
    """Time of the cycles at the accelerator's clock; where it has none, at the one that the configuration assumes."""
    return report.cycles / (clock_mhz or config.clock_mhz) / 1e3


def time_text(report: Report, config: AcceleratorConfig, clock_mhz: float | None) -> str:
    """The same in words, with the clock."""
    clock = f"{clock_mhz:g} MHz" if clock_mhz else f"an assumed {config.clock_mhz:g} MHz"
    return f"{milliseconds(report, config, clock_mhz):.2f} ms of accelerator time at {clock}"
