"""`gatewright simulate`: one kernel on the RTL against the golden model, PyTorch and the roofline."""

import inspect
from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from gatewright.cli.console import output, step
from gatewright.cli.options import Config, Data, Json, Seed, Waves, check_outputs, data_files, write_json
from gatewright.spec.config import get_config
from gatewright.spec.errors import GatewrightError

if TYPE_CHECKING:
    from gatewright_sim.stimulus import Stimulus

__all__ = ["app"]

app = typer.Typer(help="Simulate one kernel: RTL against golden, PyTorch and roofline.", no_args_is_help=True)


class Graph(Enum):
    """Where an aggregation's graph comes from."""

    random = "random"
    movielens = "movielens"


class Function(Enum):
    """What a vector simulation computes."""

    add = "add"
    multiply = "multiply"
    requantise = "requantise"
    gelu = "gelu"
    softmax = "softmax"
    layer_norm = "layer-norm"
    rms_norm = "rms-norm"
    mean_pool = "mean-pool"


def _simulate(
    make: Callable[[int], "Stimulus"],
    seed: Seed = 0,
    config: Config = "pynq-z2",
    waves: Waves = None,
    json: Json = None,
) -> None:
    from gatewright_sim.experiment import simulate

    get_config(config)
    stimulus = make(seed)
    with step(f"simulating {stimulus.kernel} on the RTL of {config}"):
        outcome = simulate(stimulus, config, seed, waves)
    write_json(json, outcome.as_dict())
    table = Table(title=f"{outcome.kernel} {outcome.shape}", show_header=False)
    table.add_row("cycles", f"{outcome.cycles:,}")
    table.add_row("compute bound", f"{outcome.min_cycles_compute:,} ({outcome.compute_fraction:.1%} of the peak rate)")
    table.add_row("memory bound", f"{outcome.min_cycles_memory:,}")
    table.add_row("of the roofline", f"{outcome.roofline_fraction:.1%}")
    table.add_row("RTL = golden", "yes" if outcome.golden_equal else "NO")
    table.add_row(
        "largest error to PyTorch", f"{outcome.torch_max_abs_error:.4g} (last place {outcome.output_scale:.4g})"
    )
    output(json).print(table)
    if not outcome.golden_equal:
        raise typer.Exit(1)


def _kernel(make: Callable[..., "Stimulus"]) -> Callable[..., "Stimulus"]:
    """Makes a command of a function that takes a seed and the kernel's own options; all other options are shared."""
    (_, *own), (_, *shared) = (list(inspect.signature(of).parameters.values()) for of in (make, _simulate))

    @wraps(make)
    def command(**options: Any) -> None:
        mine = {option.name: options.pop(option.name) for option in own}
        check_outputs({"--json": options["json"], "--waves": options["waves"]}, data_files(mine.get("data")))
        _simulate(lambda seed: make(seed, **mine), **options)

    command.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in (*own, *shared)}
    app.command()(command)
    return make


@_kernel
def gemm(
    seed: int,
    m: Annotated[int, typer.Option(min=1, help="Rows of A.")] = 128,
    n: Annotated[int, typer.Option(min=1, help="Columns of B.")] = 384,
    k: Annotated[int, typer.Option(min=1, help="Inner dimension.")] = 384,
) -> "Stimulus":
    """C = requantise(A B + bias), int8."""
    from gatewright_sim.stimulus import GemmStimulus

    return GemmStimulus.random(seed, m, n, k)


@_kernel
def attention(
    seed: int,
    seq: Annotated[int, typer.Option(min=1, help="Queries, and keys unless --keys says otherwise.")] = 128,
    keys: Annotated[int | None, typer.Option(min=1, help="Keys.")] = None,
    heads: Annotated[int, typer.Option(min=1, help="Heads.")] = 12,
    head_dim: Annotated[int, typer.Option("--head-dim", min=1, help="Columns of one head.")] = 32,
    causal: Annotated[bool, typer.Option(help="Mask keys after the query.")] = False,
    padding: Annotated[int, typer.Option(min=0, help="Mask this many keys at the end.")] = 0,
) -> "Stimulus":
    """softmax(Q K^T / sqrt(d) + mask) V, int8, scores on chip."""
    from gatewright_sim.stimulus import AttentionStimulus

    keys = keys or seq
    if padding >= keys:
        raise GatewrightError(f"--padding is {padding}, allowed 0..{keys - 1}: a key must be left")
    return AttentionStimulus.random(seed, seq, keys, heads, head_dim, causal, padding)


@_kernel
def aggregate(
    seed: int,
    graph: Annotated[
        Graph, typer.Option(help="A random power-law graph, or MovieLens' user-item graph.")
    ] = Graph.random,
    rows: Annotated[int, typer.Option(min=1, help="Rows of a random graph.")] = 1000,
    cols: Annotated[int, typer.Option(min=1, help="Columns of a random graph.")] = 1000,
    degree: Annotated[float, typer.Option(min=0, help="Mean degree of a random graph, about.")] = 16.0,
    features: Annotated[int, typer.Option(min=1, help="Columns of X.")] = 64,
    data: Data = None,
) -> "Stimulus":
    """Y = requantise(W X), W a CSR matrix with int16 weights."""
    from gatewright_sim.stimulus import AggregateStimulus

    if graph is Graph.random:
        return AggregateStimulus.random(seed, rows, cols, degree, features)
    from gatewright.models.data import load_movielens
    from gatewright.models.graph import user_item_graph

    return AggregateStimulus.from_graph(seed, user_item_graph(load_movielens(data)), features)


@_kernel
def vector(
    seed: int,
    function: Annotated[Function, typer.Argument(help="What to compute.")] = Function.layer_norm,
    rows: Annotated[int, typer.Option(min=1, help="Rows.")] = 128,
    cols: Annotated[int, typer.Option(min=1, help="Columns.")] = 384,
    padding: Annotated[int, typer.Option(min=0, help="Leave this many rows out of mean-pool.")] = 0,
) -> "Stimulus":
    """Layer norm, GELU, softmax and the like on int16; mean-pool runs on the attention engine."""
    from gatewright_sim.stimulus import MeanPoolStimulus, VectorFunction, VectorStimulus

    if function is not Function.mean_pool:
        if padding:
            raise GatewrightError(f"--padding is {padding}, allowed 0: it is of mean-pool, not of {function.value}")
        return VectorStimulus.random(seed, VectorFunction(function.value), rows, cols)
    if padding >= rows:
        raise GatewrightError(f"--padding is {padding}, allowed 0..{rows - 1}: a row must be left")
    if cols % 8:
        raise GatewrightError(f"--cols is {cols}, allowed: multiples of 8 for mean-pool")
    return MeanPoolStimulus.random(seed, rows, cols, padding)
