"""`gatewright verify`: the cocotb benches of the RTL against the golden model."""

from pathlib import Path
from typing import Annotated

import typer

from gatewright.cli.console import console, output
from gatewright.cli.options import Seed, Waves, check_outputs
from gatewright.spec.errors import GatewrightError

__all__ = ["verify"]


def verify(
    name: Annotated[str | None, typer.Argument(help="One bench (default: all).")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write the results to this file (JUnit XML).")] = None,
    waves: Waves = None,
    seed: Seed = 1,
) -> None:
    """Run the cocotb benches: RTL against the golden model under random stimuli, backpressure and latency."""
    from gatewright_sim.benches.catalogue import BENCHES
    from gatewright_sim.benches.catalogue import verify as run

    if waves and not name:
        raise GatewrightError("--waves records one bench: name it, allowed: " + ", ".join(BENCHES))
    check_outputs({"--junit": junit, "--waves": waves})
    failed = 0
    with console.status("running the benches; each first builds its simulator"):
        for verdict in run([name] if name else BENCHES, seed, junit, waves):
            if verdict.failure is None:
                output().print(f"[green]✓[/] {verdict.name}: {verdict.tests} tests passed")
            else:
                failed += 1
                output().print(f"[red]✗ {verdict.name}[/]")
                output().print(verdict.failure, markup=False)
    if failed:
        raise typer.Exit(1)
