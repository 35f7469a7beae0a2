"""`gatewright inspect`: what a program file holds, as tables and as pictures."""

from dataclasses import asdict
from math import isfinite, isnan
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gatewright.cli.console import name_column, output, step
from gatewright.cli.options import Json, check_outputs, output_file, write_json
from gatewright.program import CompiledProgram, ProgramError, load_program
from gatewright.program.compiled import Variant
from gatewright.program.summary import VariantSummary, config_of, summarise

__all__ = ["inspect"]


def inspect(
    program: Annotated[Path, typer.Argument(help="The program file.")],
    html: Annotated[Path | None, typer.Option("--html", help="Also write pictures to this file.")] = None,
    variant: Annotated[
        int | None, typer.Option("--variant", min=0, help="Show the variant with this index alone (default: all).")
    ] = None,
    json: Json = None,
) -> None:
    """Show a program: interface, layers with bounds and errors, commands and the memory map."""
    compiled = load_program(program)
    config = config_of(compiled)
    if variant is not None and variant >= len(compiled.variants):
        raise ProgramError(f"--variant is {variant}, allowed 0..{len(compiled.variants) - 1}")
    check_outputs({"--html": html, "--json": json}, [program])
    shown = compiled.variants if variant is None else (compiled.variants[variant],)
    summaries = [summarise(compiled, each, config) for each in shown]
    if html is not None:
        from gatewright.pictures.program import page

        with step(f"writing {html}"):
            text = page(compiled, list(zip(shown, summaries, strict=True)))
            with output_file("--html", html) as file:
                file.write(text.encode(errors="replace"))
    write_json(json, _result(compiled, shown, summaries))
    console = output(json)
    _interface(console, compiled)
    for each, summary in zip(shown, summaries, strict=True):
        console.rule(escape(f"{compiled.name}: {summary.title}"))
        _layers(console, summary)
        _host(console, summary)
        _commands(console, summary)
        _memory(console, each, compiled)


def _interface(console: Console, program: CompiledProgram) -> None:
    console.print(
        f"{escape(program.name)}: config {program.config} ({program.config_hash:016x}), contract "
        f"{'.'.join(map(str, program.spec_version))}, {program.nbytes:,} bytes of device memory, of them "
        f"{program.image.nbytes:,} of commands and constants"
    )
    first = program.variants[0]
    table = Table("interface", "name", "type", "shape", "error")
    for what, values in (("input", first.inputs), ("output", first.outputs)):
        for value in values:
            shape = f"[{', '.join(map(str, value.shape))}]"
            table.add_row(what, escape(value.name), value.dtype, escape(shape), _error(value.error))
    console.print(table)
    for name, most in first.capacity.items():
        console.print(f"dimension {name}: at most {most:,}")


def _layers(console: Console, summary: VariantSummary) -> None:
    columns = (name_column("node"), "operator", "commands", "least cycles", "share", "bound", "error", "its own")
    table = Table(*columns, title=f"layers, {summary.min_cycles:,} cycles at least")
    for layer in summary.layers:
        share = layer.min_cycles / summary.min_cycles if summary.min_cycles else 0
        bounds = "/".join(sorted({command.bound for command in layer.commands}))
        row = (f"{len(layer.commands)}", f"{layer.min_cycles:,}", f"{share:.1%}", bounds)
        table.add_row(escape(layer.node), layer.operator, *row, *map(_error, (layer.error, layer.own)))
    console.print(table)


def _error(value: float) -> str:
    return "" if isnan(value) else f"{value:.2%}" if isfinite(value) else "any"


def _number(error: float) -> float | None:
    """For JSON, which has no others."""
    return error if isfinite(error) else None


def _host(console: Console, summary: VariantSummary) -> None:
    if summary.host:
        table = Table("step", name_column("node on the host"), "why", "bytes moved")
        for entry in summary.host:
            table.add_row(str(entry.step), escape(entry.node), escape(entry.reason), f"{entry.moved_bytes:,}")
        console.print(table)


def _commands(console: Console, summary: VariantSummary) -> None:
    table = Table(
        "", name_column("node"), "command", "shape", "compute bound", "memory bound", "bound by", title="commands"
    )
    for command in summary.commands:
        cycles = (f"{command.min_cycles_compute:,}", f"{command.min_cycles_memory:,}", command.bound)
        table.add_row(str(command.index), escape(command.node), command.opcode, escape(command.shape), *cycles)
    console.print(table)


def _memory(console: Console, variant: Variant, program: CompiledProgram) -> None:
    table = Table("offset", "bytes", "kind", name_column("name"), "commands", title=f"memory, {program.nbytes:,} bytes")
    for region in sorted(variant.regions, key=lambda each: (each.offset, each.first)):
        where, span = (f"{region.offset:,}", f"{region.nbytes:,}"), f"{region.first}..{region.last}"
        table.add_row(*where, region.kind, escape(region.name), span)
    console.print(table)


def _result(
    program: CompiledProgram, variants: tuple[Variant, ...], summaries: list[VariantSummary]
) -> dict[str, object]:
    first = program.variants[0]
    return {
        "name": program.name,
        "config": program.config,
        "config_hash": f"{program.config_hash:016x}",
        "spec_version": program.spec_version,
        "nbytes": program.nbytes,
        "image_bytes": program.image.nbytes,
        "inputs": [asdict(value) | {"error": _number(value.error)} for value in first.inputs],
        "outputs": [asdict(value) | {"error": _number(value.error)} for value in first.outputs],
        "variants": [
            {
                "dims": variant.dims,
                "capacity": variant.capacity,
                "min_cycles": summary.min_cycles,
                "commands": [asdict(command) | {"bound": command.bound} for command in summary.commands],
                "layers": [
                    {
                        "node": layer.node,
                        "operator": layer.operator,
                        "commands": [command.index for command in layer.commands],
                        "min_cycles": layer.min_cycles,
                        "error": _number(layer.error),
                        "own_error": _number(layer.own),
                    }
                    for layer in summary.layers
                ],
                "host": [asdict(entry) for entry in summary.host],
                "regions": [asdict(region) for region in variant.regions],
            }
            for variant, summary in zip(variants, summaries, strict=True)
        ],
    }
