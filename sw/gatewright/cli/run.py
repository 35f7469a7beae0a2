"""`gatewright run`: a program file on one of the backends, with inputs and outputs in `.npz` files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from gatewright.agent.connect import open_session
from gatewright.cli.arrays import read_arrays, write_arrays
from gatewright.cli.console import output, step
from gatewright.cli.counters import counters_json, cycles_text, engine_table, milliseconds
from gatewright.cli.options import Bitstream, Board, Host, Json, check_outputs, write_json
from gatewright.driver import CallableProgram, Report, Session
from gatewright.program import load_program
from gatewright.program.compiled import HostStep
from gatewright.program.convert import outputs_digest
from gatewright.program.summary import config_of
from gatewright.spec.config import AcceleratorConfig, get_config

__all__ = ["run"]


def run(
    program: Annotated[Path, typer.Argument(help="The program file.")],
    inputs: Annotated[Path, typer.Option("--inputs", help="Inputs by name (.npz).")],
    outputs: Annotated[Path, typer.Option("--outputs", help="File for the outputs by name (.npz).")],
    backend: Annotated[str, typer.Option("--backend", help="auto, board, rtl or golden.")] = "auto",
    config: Annotated[
        str | None, typer.Option("--config", help="Configuration of the accelerator (default: the program's).")
    ] = None,
    host: Host = None,
    board: Board = None,
    bitstream: Bitstream = None,
    json: Json = None,
) -> None:
    """Run a program once: one doorbell for each part between two host steps."""
    compiled = load_program(program)
    chosen = get_config(config) if config else config_of(compiled)
    given = read_arrays("--inputs", inputs)
    check_outputs({"--outputs": outputs, "--json": json}, [program, inputs])
    with step(f"opening {chosen.name} on backend {backend}"):
        accelerator = open_session(chosen, backend, host, board=board, bitstream=bitstream)
    with accelerator, accelerator.load(compiled) as loaded:
        with step(f"running {compiled.name} on backend {accelerator.name}"):
            results = loaded(**given)
        write_arrays("--outputs", outputs, results)
        report = accelerator.report()
        write_json(json, _result(loaded, results, report, accelerator.name, chosen))
        _show(loaded, results, report, accelerator, json)


def _show(
    loaded: CallableProgram,
    results: dict[str, np.ndarray],
    report: Report,
    accelerator: Session,
    json: Path | None,
) -> None:
    console = output(json)
    values = Table("output", "type", "shape", title=escape(loaded.program.name))
    for name, array in results.items():
        values.add_row(escape(name), str(array.dtype), escape(str(list(array.shape))))
    console.print(values)
    console.print(engine_table(report))
    for nodes, seconds in _host(loaded):
        console.print(f"host step {escape(nodes)}: {1e3 * seconds:.2f} ms of this machine's time")
    for remark in (*loaded.report.saturated, *loaded.report.empty):
        console.print(escape(str(remark)))
    console.print(accelerator.choice)
    doorbells = f"{report.programs} doorbell{'s' * (report.programs != 1)}"
    console.print(f"{doorbells}: {cycles_text(report, accelerator.config, accelerator.clock_mhz)}")


def _host(loaded: CallableProgram) -> list[tuple[str, float]]:
    """Nodes and seconds of the host steps."""
    steps = [step for step in loaded.report.variant.steps if isinstance(step, HostStep)]
    return [(", ".join(step.nodes), spent) for step, spent in zip(steps, loaded.report.host_seconds, strict=True)]


def _result(
    loaded: CallableProgram, results: dict[str, np.ndarray], report: Report, backend: str, config: AcceleratorConfig
) -> dict[str, object]:
    return {
        "program": loaded.program.name,
        "backend": backend,
        "config": config.name,
        "config_hash": config.hash_text,
        "dims": loaded.report.variant.dims,
        **counters_json(report),
        "milliseconds_at_assumed_clock": milliseconds(report.cycles, config) if report.cycles else None,
        "assumed_clock_mhz": config.clock_mhz,
        "host_steps": [{"nodes": nodes, "seconds": spent} for nodes, spent in _host(loaded)],
        "saturated": [asdict(saturation) for saturation in loaded.report.saturated],
        "empty_masks": [asdict(mask) for mask in loaded.report.empty],
        "outputs": {name: {"dtype": str(each.dtype), "shape": list(each.shape)} for name, each in results.items()},
        "outputs_sha256": outputs_digest(results),
    }
