"""`gatewright compile`: an ONNX model becomes a program file."""

import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from gatewright.cli.arrays import read_arrays
from gatewright.cli.console import console, output, step
from gatewright.cli.options import Config, Json, check_outputs, write_json
from gatewright.cli.sizes import Buckets, Capacities, bucket_sizes, capacity_sizes
from gatewright.program import CompiledProgram, save_program
from gatewright.program.summary import VariantSummary, summarise
from gatewright.spec.config import AcceleratorConfig, get_config

__all__ = ["compile_"]

INACCURATE = 3
"""Exit code of a strict compilation whose results are further from the model's than is allowed."""


def compile_(
    model: Annotated[Path, typer.Argument(help="The ONNX model.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Program file to write, usually *.gwp.")],
    calibration: Annotated[
        list[Path] | None,
        typer.Option("--calibration", help="Inputs (.npz) that set the ranges of values; several for several sets."),
    ] = None,
    config: Config = "pynq-z2",
    bucket: Buckets = None,
    capacity: Capacities = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the program (default: the graph's).")] = None,
    max_error: Annotated[
        float,
        typer.Option(
            "--max-error",
            min=0.0,
            help="Relative rms error above which nodes run on the host, or results are warned of.",
        ),
    ] = 0.05,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 3 where results are warned of.")] = False,
    json: Json = None,
) -> None:
    """Compile an ONNX model into one program for an accelerator."""
    chosen = get_config(config)
    outputs, inputs = {"--output": out, "--json": json}, [model, *(calibration or [])]
    buckets, capacities = bucket_sizes(bucket), capacity_sizes(capacity)
    check_outputs(outputs, inputs)
    sets = [read_arrays("--calibration", path) for path in calibration or []]
    with step("loading the compiler"):
        from gatewright.compiler.compile import compile_model
        from gatewright.compiler.errors import AccuracyWarning
        from gatewright.compiler.external_files import external_files
    check_outputs(outputs, [*inputs, *external_files(model)])
    with step(f"compiling {model} for {config}"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", AccuracyWarning)
            program = compile_model(
                model,
                config=chosen,
                calibration=sets or None,
                buckets=buckets,
                capacity=capacities,
                name=name,
                max_error=max_error,
            )
        save_program(program, out)
    summaries = [summarise(program, variant, chosen) for variant in program.variants]
    said = [str(each.message) for each in caught if issubclass(each.category, AccuracyWarning)]
    write_json(json, _result(program, summaries) | {"warnings": said})
    _show(program, summaries, chosen, out, json)
    if not sets:
        output(json).print(
            "ranges come from synthetic inputs: --calibration with real ones makes the results more exact"
        )
    for text in said:
        console.print(f"[yellow]warning:[/] {escape(text)}")
    if said and strict:
        raise typer.Exit(INACCURATE)


def _show(
    program: CompiledProgram,
    summaries: list[VariantSummary],
    config: AcceleratorConfig,
    out: Path,
    json: Path | None,
) -> None:
    console = output(json)
    table = Table(
        "variant", "commands", "doorbells", "host nodes", "least cycles", title=escape(f"{program.name}: {out}")
    )
    for summary in summaries:
        row = (len(summary.commands), summary.fabric_steps, len(summary.host), summary.min_cycles)
        table.add_row(summary.title, *(f"{value:,}" for value in row))
    console.print(table)
    if any(summary.host for summary in summaries):
        host = Table("node on the host", "why", "bytes moved", title="what the fabric does not run")
        for entry in summaries[0].host:
            host.add_row(escape(entry.node), escape(entry.reason), f"{entry.moved_bytes:,}")
        console.print(host)
    console.print(
        f"device memory: {program.nbytes:,} bytes, of them {program.image.nbytes:,} of commands and constants; "
        f"config {config.name} ({config.hash_text})"
    )


def _result(program: CompiledProgram, summaries: list[VariantSummary]) -> dict[str, object]:
    return {
        "name": program.name,
        "config": program.config,
        "config_hash": f"{program.config_hash:016x}",
        "nbytes": program.nbytes,
        "image_bytes": program.image.nbytes,
        "variants": [
            {
                "dims": summary.dims,
                "commands": len(summary.commands),
                "doorbells": summary.fabric_steps,
                "min_cycles": summary.min_cycles,
                "host": [
                    {"node": entry.node, "reason": entry.reason, "moved_bytes": entry.moved_bytes}
                    for entry in summary.host
                ],
            }
            for summary in summaries
        ],
    }
