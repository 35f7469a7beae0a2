"""`gatewright recommend`: one hybrid request on the accelerator, checked against the golden model and against float."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from gatewright.agent.connect import open_session
from gatewright.cli.console import bars, output, step
from gatewright.cli.counters import counters_json, cycles_text, engine_table
from gatewright.cli.options import Bitstream, Board, Data, Host, Json, check_outputs, config_for, data_files, write_json
from gatewright.driver import Report, Session
from gatewright.program.convert import outputs_digest
from gatewright.recommender.request import HybridRecommender, Recommendation, typed
from gatewright.spec.config import CONFIGS, AcceleratorConfig

if TYPE_CHECKING:
    from gatewright.models.deploy import Deployed
    from gatewright.models.reference import Agreement

__all__ = ["recommend"]

GOLDEN = "golden"


@dataclass(frozen=True)
class Served:
    """A request answered by one backend, and its counters."""

    backend: str
    choice: str
    answer: Recommendation
    report: Report
    clock_mhz: float | None


def _open(
    config: AcceleratorConfig | None,
    backend: str,
    host: str | None = None,
    board: str | None = None,
    bitstream: Path | None = None,
) -> Session:
    where = f"the board at {host}" if host else f"{config.name if config else ''} on backend {backend}"
    with step(f"opening {where}" + (" (built on first use)" if backend == "rtl" else "")):
        return open_session(config, backend, host, board=board, bitstream=bitstream)


def _serve(accelerator: Session, deployed: "Deployed", user: int | None, query: str | None, top: int) -> Served:
    name = accelerator.name
    with step(f"one request on backend {name}"):
        answer = HybridRecommender(accelerator, deployed.model, deployed.programs).recommend(user, query, top)
    return Served(name, accelerator.choice, answer, accelerator.report(), accelerator.clock_mhz)


def _equals_golden(
    served: Served, config: AcceleratorConfig, deployed: "Deployed", user: int | None, query: str | None, top: int
) -> bool:
    """Whether the golden model gives every score bit for bit."""
    with _open(config, GOLDEN) as accelerator:
        golden = _serve(accelerator, deployed, user, query, top)
    return np.array_equal(served.answer.scores, golden.answer.scores)


def _result(
    served: Served, config: AcceleratorConfig, golden_equal: bool | None, reference: "Agreement"
) -> dict[str, Any]:
    return {
        "backend": served.backend,
        "config": config.name,
        "config_hash": config.hash_text,
        "user": served.answer.user_id,
        "query": served.answer.query,
        "items": [{"movie_id": i.movie_id, "title": i.title, "score": i.score} for i in served.answer.items],
        **counters_json(served.report),
        "clock_mhz": served.clock_mhz,
        "saturated": [asdict(saturation) for saturation in served.answer.saturated],
        "scores_sha256": outputs_digest({"scores": served.answer.scores}),
        "seconds": {**asdict(served.answer.seconds), "host": served.answer.seconds.host},
        "golden_equal": golden_equal,
        "reference": {
            "top10_overlap": reference.top_overlap,
            "max_abs_error": reference.max_abs_error,
            "cosine": reference.cosine,
        },
    }


def _show(served: Served, config: AcceleratorConfig, result: dict[str, Any], json: Path | None) -> None:
    console = output(json)
    items = Table("", "movie", "genres", "score", title=escape(served.answer.title))
    for rank, item in enumerate(served.answer.items, 1):
        items.add_row(str(rank), item.title, item.genres.replace("|", ", "), f"{item.score:.3f}")
    console.print(items)
    console.print(engine_table(served.report))
    for saturation in served.answer.saturated:
        console.print(escape(str(saturation)))
    console.print(served.choice)
    seconds = served.answer.seconds
    console.print(
        f"{1e3 * seconds.total:.1f} ms: host {1e3 * seconds.host:.1f}, transfer {1e3 * seconds.transfer:.1f}, "
        f"{served.backend} {1e3 * seconds.accelerator:.1f}"
    )
    doorbell = f"one request, {served.report.programs} doorbell"
    console.print(f"{doorbell}: {cycles_text(served.report, config, served.clock_mhz)}")
    console.print(_compared(served, result["golden_equal"]))
    reference = result["reference"]
    console.print(
        f"float model: {reference['top10_overlap']:.0%} of the top 10 in common, "
        f"cosine of all scores {reference['cosine']:.5f}, largest difference {reference['max_abs_error']:.4f}"
    )


def _compared(served: Served, golden_equal: bool | None) -> str:
    """Which scores were held against the golden model's."""
    scores = f"all {len(served.answer.scores):,} scores"
    if golden_equal is None:
        return (
            f"golden model: {scores} are its own, compared with the float model alone (--backend rtl: with the RTL's)"
        )
    return f"{served.backend.upper()} = golden: {'yes' if golden_equal else 'NO'} ({scores} compared bit for bit)"


def recommend(
    user: Annotated[
        int | None, typer.Option("--user", help="MovieLens user id (default: somebody unknown, with --query).")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", help="What to look for (default: what suits the user's ratings).")
    ] = None,
    backend: Annotated[str, typer.Option("--backend", help="auto, board, rtl or golden.")] = "auto",
    config: Annotated[
        str | None,
        typer.Option("--config", help=f"Accelerator configuration: {', '.join(CONFIGS)} (default: the board's)."),
    ] = None,
    board: Board = None,
    host: Host = None,
    bitstream: Bitstream = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Number of recommendations.")] = 10,
    data: Data = None,
    json: Json = None,
) -> None:
    """Recommend movies: the whole request, from ratings and tokens to scores, is one program on the accelerator."""
    typed(user, query)
    check_outputs({"--json": json}, data_files(data))
    asked = config_for(config, board, backend, host, bitstream)
    with step("loading"):
        from gatewright.models.data import load_movielens
        from gatewright.models.deploy import deploy_or_load
        from gatewright.models.reference import agreement
        from gatewright.models.train import train_or_load

        ratings = load_movielens(data)
        index = None if user is None else ratings.user_index(user)
    with _open(asked, backend, host, board, bitstream) as accelerator:
        chosen = accelerator.config
        with bars() as progress:
            trained = train_or_load(ratings, progress=progress)
            deployed = deploy_or_load(trained, chosen, progress)
        served = _serve(accelerator, deployed, user, query, top)
    equal = None if served.backend == GOLDEN else _equals_golden(served, chosen, deployed, user, query, top)
    with step("the same request in float"):
        meant = trained.reference().request(index, query)
        reference = agreement(served.answer.scores, meant, served.answer.seen)
    result = _result(served, chosen, equal, reference)
    write_json(json, result)
    _show(served, chosen, result, json)
    if result["golden_equal"] is False:
        raise typer.Exit(1)
