"""`gatewright bench`: how fast the tools are on this machine, and the accelerator in cycles of its RTL."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from gatewright.cli.console import bars, output, step
from gatewright.cli.options import Config, Json, Seed, check_outputs, output_file, write_json
from gatewright.program.onnx_session import OnnxSession
from gatewright.spec.config import get_config

__all__ = ["app"]

app = typer.Typer(help="Measure the tools on this machine, and the accelerator on its RTL.", no_args_is_help=True)


@app.command()
def simulator(config: Config = "pynq-z2", seed: Seed = 0, json: Json = None) -> None:
    """Cycles a second of the Verilated RTL in process, on one run of each kernel."""
    from gatewright_sim.experiment import simulate
    from gatewright_sim.stimulus import AggregateStimulus, AttentionStimulus, GemmStimulus

    size = get_config(config)
    check_outputs({"--json": json})
    seq, dim, features = min(128, size.max_seq), min(32, size.max_head_dim), min(64, size.max_features)
    stimuli = (
        GemmStimulus.random(seed, 128, 384, min(384, size.gemm_max_k)),
        AttentionStimulus.random(seed, seq, seq, 12, dim),
        AggregateStimulus.random(seed, 4000, 4000, 16.0, features),
    )
    table = Table("kernel", "cycles", "cycles a second", title=f"simulator, {config}")
    result = {}
    for stimulus in stimuli:
        with step(f"{stimulus.kernel} on the RTL of {config}"):
            outcome = simulate(stimulus, config, seed)
        result[stimulus.kernel] = {"cycles": outcome.cycles, "cycles_per_second": outcome.cycles_per_second}
        table.add_row(stimulus.kernel, f"{outcome.cycles:,}", f"{outcome.cycles_per_second:,.0f}")
    write_json(json, {"config": config, "kernels": result})
    output(json).print(table)


@app.command()
def golden(
    tokens: Annotated[list[int] | None, typer.Option("--tokens", min=4, max=512, help="Length, repeatable.")] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Runs of each, turn by turn.")] = 20,
    config: Config = "pynq-z2",
    json: Json = None,
) -> None:
    """The golden model's time for all-MiniLM-L6-v2 against ONNX Runtime in float, on the same inputs."""
    from gatewright.compiler.compile import compile_model
    from gatewright.driver import Accelerator
    from gatewright.models.export import export_encoder

    check_outputs({"--json": json})
    lengths = sorted(set(tokens or [32, 128]))
    rng = np.random.default_rng(0)
    inputs = {n: {"ids": rng.integers(1000, 30000, (1, n)), "mask": np.ones((1, n), np.int64)} for n in lengths}
    with step("exporting all-MiniLM-L6-v2"):
        model = export_encoder()
    with step("compiling it"):
        started = time.perf_counter()
        program = compile_model(model, config=config, calibration=list(inputs.values()), buckets={"tokens": lengths})
        compile_seconds = time.perf_counter() - started
    session = OnnxSession(model.SerializeToString())
    names = list(session.outputs)
    table = Table("tokens", "golden", "ONNX Runtime", "ratio", title=f"all-MiniLM-L6-v2, median of {rounds} runs")
    result = {}
    with Accelerator(config, "golden") as accelerator, accelerator.load(program) as loaded:
        for length, given in inputs.items():
            with step(f"{length} tokens"):
                times = _turn_by_turn(rounds, lambda x=given: loaded(**x), lambda x=given: session.run(names, x))
            ours, floats = (median(each) for each in times)
            result[length] = {"golden_s": ours, "onnxruntime_s": floats, "ratio": ours / floats}
            table.add_row(f"{length}", f"{ours * 1e3:.1f} ms", f"{floats * 1e3:.1f} ms", f"{ours / floats:.2f}")
    write_json(json, {"config": config, "compile_s": compile_seconds, "minilm": result})
    console = output(json)
    console.print(table)
    console.print(f"compiled in {compile_seconds:.1f} s")


@app.command()
def memory(json: Json = None) -> None:
    """The simulated memories beside what has been measured on silicon."""
    from gatewright_sim.dram.silicon import MEASUREMENTS

    check_outputs({"--json": json})
    table = Table("streams", "share", "silicon", "model", "off", title="memory")
    rows = []
    for each in MEASUREMENTS:
        with step(each.what):
            model = each.model
        off = model / each.share - 1
        rows.append({"streams": each.what, "of": each.of, "silicon": each.share, "model": model, "source": each.source})
        table.add_row(each.what, each.of, f"{each.share:.1%}", f"{model:.1%}", f"{off:+.1%}")
    write_json(json, {"measurements": rows})
    output(json).print(table)


@app.command()
def accelerator(
    config: Config = "pynq-z2",
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A part of the table, repeatable; a wrong name lists all.")
    ] = None,
    mhz: Annotated[list[float] | None, typer.Option("--mhz", help="Clock, repeatable (default: 100 and 125).")] = None,
    dram: Annotated[
        list[float] | None,
        typer.Option("--dram", help="Share of the DRAM's peak, repeatable (default: 1 and 0.83)."),
    ] = None,
    json: Json = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Also write the summary to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Also write a page with pictures to this file.")] = None,
) -> None:
    """Kernels, MiniLM and whole requests on the RTL under the simulated memory, each beside its bound.

    What was measured is kept: a run that was broken off goes on where it was.
    """
    size = get_config(config)
    check_outputs({"--json": json, "--markdown": markdown, "--html": html})
    with step("loading"):
        from gatewright import sheet
        from gatewright_sim.speed.conditions import CLOCKS, SHARES, Conditions
        from gatewright_sim.speed.measure import measure
        from gatewright_sim.speed.page import page
        from gatewright_sim.speed.parts import chosen
        from gatewright_sim.speed.sheets import all_figures, summary

    parts = chosen(only or ())
    conditions = [Conditions(clock, share) for clock in mhz or CLOCKS for share in dram or SHARES]
    with bars() as progress:
        found = measure(size, parts, conditions, progress)
    write_json(json, found.as_dict())
    if markdown is not None:
        with output_file("--markdown", markdown) as file:
            file.write(sheet.markdown([summary(found)]).encode())
    if html is not None:
        with output_file("--html", html) as file:
            file.write(page(found).encode())
    output(json).print(sheet.table(all_figures(found)))


def _turn_by_turn(rounds: int, *functions: Callable[[], object]) -> tuple[list[float], ...]:
    """Seconds of each function, run in turns so that all meet the same noise; the first round does not count."""
    times: tuple[list[float], ...] = tuple([] for _ in functions)
    for turn in range(rounds + 1):
        for function, found in zip(functions, times, strict=True):
            started = time.perf_counter()
            function()
            if turn:
                found.append(time.perf_counter() - started)
    return times
