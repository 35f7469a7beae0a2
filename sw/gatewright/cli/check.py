"""`gatewright check`: what compiling an ONNX model will come to, without calibration inputs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gatewright.cli.console import name_column, output, step
from gatewright.cli.options import Config, Json, check_outputs, write_json
from gatewright.cli.sizes import Buckets, Capacities, bucket_sizes, capacity_sizes
from gatewright.spec.config import get_config

if TYPE_CHECKING:
    from gatewright.compiler.check import CheckedVariant, ModelCheck

__all__ = ["check"]

SPLIT = 3
"""Exit code of a strict check of a model that needs more than one doorbell."""


def check(
    model: Annotated[Path, typer.Argument(help="The ONNX model.")],
    config: Config = "pynq-z2",
    bucket: Buckets = None,
    capacity: Capacities = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 3 where one doorbell is not enough.")
    ] = False,
    json: Json = None,
) -> None:
    """Say which nodes of an ONNX model will run where, why, and what to change for one doorbell."""
    chosen = get_config(config)
    buckets, capacities = bucket_sizes(bucket), capacity_sizes(capacity)
    check_outputs({"--json": json}, [model])
    with step("loading the compiler"):
        from gatewright.compiler.check import check_model
        from gatewright.compiler.external_files import external_files
    check_outputs({"--json": json}, [model, *external_files(model)])
    with step(f"checking {model} for {config}"):
        found = check_model(model, config=chosen, buckets=buckets, capacity=capacities)
    write_json(json, _result(found))
    console = output(json)
    for variant in found.variants:
        _show(console, found, variant)
    console.print(
        "cycles are an estimate: the roofline of the commands if all numbers were within 1. Calibration may move more "
        "nodes to the host, and may let linear layers take their operand in two parts, which is twice the work."
    )
    if strict and found.doorbells > 1:
        raise typer.Exit(SPLIT)


def _show(console: Console, found: "ModelCheck", variant: "CheckedVariant") -> None:
    bells = f"{variant.doorbells:,} doorbell{'s' if variant.doorbells != 1 else ''}"
    table = Table(
        *("step", name_column("node"), name_column("operator"), "commands", "cycles", "why"),
        title=escape(f"{found.name}, {variant.title}: {bells}, {variant.min_cycles:,} cycles (estimate)"),
    )
    for node in variant.nodes:
        costs = (f"{node.commands:,}", f"{node.min_cycles:,}") if node.on_fabric else ("", "")
        where = f"{node.step} {'fabric' if node.on_fabric else 'host'}"
        table.add_row(where, escape(node.name), escape(node.operator), *costs, escape(node.why))
    console.print(table)
    split = [node for node in variant.nodes if node.splits]
    if split:
        changes = Table(name_column("node"), name_column("operator"), "what to change", title="to one doorbell")
        for node in split:
            changes.add_row(escape(node.name), escape(node.operator), escape(node.remedy))
        console.print(changes)


def _result(found: "ModelCheck") -> dict[str, object]:
    return {
        "name": found.name,
        "config": found.config.name,
        "config_hash": found.config.hash_text,
        "nbytes": found.nbytes,
        "doorbells": found.doorbells,
        "variants": [asdict(variant) for variant in found.variants],
    }
