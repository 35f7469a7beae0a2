"""How the accelerator's counters are shown. A backend without a clock counts no cycles: it has bounds, which say so."""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from gatewright.driver import Report
from gatewright.spec.config import AcceleratorConfig

__all__ = ["counters_json", "cycles_text", "engine_table", "milliseconds"]


def engine_table(report: Report) -> Table:
    """Commands, cycles and bounds by engine."""
    table = Table("engine", "commands", *(["cycles"] if report.cycles else []), "compute bound", "memory bound")
    for engine in report.engines:
        cycles = (engine.cycles,) if report.cycles else ()
        row = (engine.commands, *cycles, engine.min_cycles_compute, engine.min_cycles_memory)
        table.add_row(engine.name, *(f"{value:,}" for value in row))
    return table


def milliseconds(cycles: int, config: AcceleratorConfig, clock_mhz: float | None = None) -> float:
    """Time of ``cycles`` at the accelerator's clock; where it has none, at the one that the configuration assumes."""
    return cycles / (clock_mhz or config.clock_mhz) / 1e3


def cycles_text(report: Report, config: AcceleratorConfig, clock_mhz: float | None) -> str:
    """The cycles that were counted and their time, with the clock; where none were, the least that they can be."""
    clock = f"{clock_mhz:g} MHz" if clock_mhz else f"an assumed {config.clock_mhz:g} MHz"
    cycles = report.cycles or report.min_cycles
    time = f"{milliseconds(cycles, config, clock_mhz):.2f} ms of accelerator time at {clock}"
    if report.cycles:
        return f"{cycles:,} cycles, {time}"
    return f"at least {cycles:,} cycles, {time} (roofline, not measured: this backend has no clock)"


def counters_json(report: Report) -> dict[str, Any]:
    """The same in JSON's types; ``cycles`` are null where nothing counts them."""
    engines = [asdict(engine) for engine in report.engines]
    if not report.cycles:
        engines = [{**engine, "cycles": None} for engine in engines]
    return {
        "doorbells": report.programs,
        "cycles": report.cycles or None,
        "roofline_cycles": report.min_cycles,
        "engines": engines,
    }
