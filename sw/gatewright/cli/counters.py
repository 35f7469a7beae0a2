"""How the accelerator's counters are printed; of a backend without a clock, which counts no cycles, only bounds."""

from rich.table import Table

from gatewright.driver import Report
from gatewright.spec.config import AcceleratorConfig

__all__ = ["engine_table", "milliseconds"]


def engine_table(report: Report) -> Table:
    """Commands, cycles and bounds by engine."""
    table = Table("engine", "commands", *(["cycles"] if report.cycles else []), "compute bound", "memory bound")
    for engine in report.engines:
        cycles = (engine.cycles,) if report.cycles else ()
        row = (engine.commands, *cycles, engine.min_cycles_compute, engine.min_cycles_memory)
        table.add_row(engine.name, *(f"{value:,}" for value in row))
    return table


def milliseconds(report: Report, config: AcceleratorConfig) -> float:
    """Time of the cycles at the configuration's assumed clock."""
    return report.cycles / config.clock_mhz / 1e3
