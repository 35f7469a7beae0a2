"""`gatewright bench`: how fast the tools themselves are on this machine."""

import typer
from rich.table import Table

from gatewright.cli.console import output, step
from gatewright.cli.options import Config, Json, Seed, check_writable, write_json
from gatewright.spec.config import get_config

__all__ = ["app"]

app = typer.Typer(help="Measure the tools on this machine.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Keep `simulator` a subcommand although it is the only one."""


@app.command()
def simulator(config: Config = "pynq-z2", seed: Seed = 0, json: Json = None) -> None:
    """Cycles a second of the Verilated RTL in process, on one run of each kernel."""
    from gatewright_sim.experiment import simulate
    from gatewright_sim.stimulus import AggregateStimulus, AttentionStimulus, GemmStimulus

    size = get_config(config)
    check_writable("--json", json)
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
    output(json).print(table)
    write_json(json, {"config": config, "kernels": result})
