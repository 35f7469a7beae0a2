"""`gatewright selftest`: golden vectors on a board or a simulation, and where a request's time goes."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from gatewright.agent.connect import open_session
from gatewright.cli.console import output, step
from gatewright.cli.options import Backend, Bitstream, Board, Host, Json, check_outputs, config_for, write_json
from gatewright.driver import Session
from gatewright.selftest import SelfTest, self_test
from gatewright.spec.config import CONFIGS

__all__ = ["selftest"]


def selftest(
    backend: Backend = "auto",
    host: Host = None,
    board: Board = None,
    bitstream: Bitstream = None,
    config: Annotated[
        str | None,
        typer.Option("--config", help=f"Configuration: {', '.join(CONFIGS)} (default: the agent's, or the board's)."),
    ] = None,
    json: Json = None,
) -> None:
    """Run every kernel's golden vectors; then one request, its host, transfer and accelerator time apart."""
    check_outputs({"--json": json})
    chosen = config_for(config, board, backend, host, bitstream)
    with step(f"opening {host or backend}"):
        accelerator = open_session(chosen, backend, host, board=board, bitstream=bitstream)
    with accelerator:
        with step("golden vectors"):
            found = self_test(accelerator)
        result = _result(accelerator, found)
        write_json(json, result)
        console = output(json)
        console.print(_kernels(found))
        for kernel in found.kernels:
            for line in (*kernel.skipped, *([kernel.failure] if kernel.failure else [])):
                console.print(escape(line))
        console.print(accelerator.choice)
        if found.request:
            console.print(_request(accelerator, found))
    if not found.passed:
        raise typer.Exit(1)


def _kernels(found: SelfTest) -> Table:
    table = Table("kernel", "vectors", "result", "cycles", title="self-test")
    for kernel in found.kernels:
        cycles = f"{kernel.cycles:,}" if kernel.cycles else ""
        table.add_row(kernel.kernel, str(kernel.vectors), "FAILED" if kernel.failure else "pass", cycles)
    return table


def _request(accelerator: Session, found: SelfTest) -> str:
    request = found.request
    assert request is not None
    seconds = request.seconds
    parts = {"host": seconds.host, "transfer": seconds.transfer, "accelerator": seconds.accelerator}
    text = f"one request: {1e3 * seconds.total:.2f} ms ("
    text += ", ".join(f"{name} {1e3 * part:.2f} ms" for name, part in parts.items()) + ")"
    if request.cycles:
        clock = request.clock_mhz or accelerator.config.clock_mhz
        how = "" if request.clock_mhz else "an assumed "
        text += f"; predicted for the accelerator: {request.cycles / clock / 1e3:.2f} ms, "
        text += f"{request.cycles:,} cycles at {how}{clock:g} MHz (roofline {request.min_cycles:,})"
    return text


def _result(accelerator: Session, found: SelfTest) -> dict[str, Any]:
    request = found.request
    return {
        "passed": found.passed,
        "backend": accelerator.name,
        "config": accelerator.config.name,
        "config_hash": accelerator.config.hash_text,
        "kernels": [asdict(kernel) for kernel in found.kernels],
        "request": request
        and {
            "host_s": request.seconds.host,
            "transfer_s": request.seconds.transfer,
            "accelerator_s": request.seconds.accelerator,
            "total_s": request.seconds.total,
            "cycles": request.cycles,
            "min_cycles": request.min_cycles,
            "clock_mhz": request.clock_mhz,
            "predicted_s": request.predicted_s,
        },
    }
