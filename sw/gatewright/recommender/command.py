"""The command ``python -m gatewright.recommender``: its options, and what it prints."""

import argparse
import json
import time
from pathlib import Path
from typing import NoReturn

from gatewright.agent.connect import BOARD, is_agent, open_session
from gatewright.bundle.contents import Bundle, load_bundle
from gatewright.recommender.errors import RecommenderError
from gatewright.recommender.model import HybridModel
from gatewright.recommender.request import HybridRecommender, Recommendation, typed

__all__ = ["answer"]


def answer(arguments: "list[str] | None" = None) -> None:
    """Answer the request of a command line. Raises :class:`~gatewright.spec.errors.GatewrightError`."""
    options = _parser().parse_args(arguments)
    typed(options.user, options.query)
    _answer(load_bundle(options.bundle), options)


class _Parser(argparse.ArgumentParser):
    """Options that are none are said in one line, as all else is."""

    def error(self, message: str) -> NoReturn:
        raise RecommenderError(f"{message} ({self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m gatewright.recommender", description="A recommendation from a bundle, by the accelerator."
    )
    parser.add_argument("bundle", type=Path, metavar="DIR", help="folder that `gatewright bundle` wrote")
    parser.add_argument("--user", type=int, help="MovieLens user id (default: somebody unknown)")
    parser.add_argument("--query", help="what to look for (default: what suits the user's ratings)")
    parser.add_argument("--top", type=int, default=10, help="number of recommendations")
    parser.add_argument("--backend", default=BOARD, help="board (default), or golden, without a board")
    parser.add_argument("--host", help="a board elsewhere: HOST[:PORT] of an agent, or pynq://HOST[:PORT]")
    parser.add_argument("--json", action="store_true", help="print JSON instead")
    return parser


def _answer(bundle: Bundle, options: argparse.Namespace) -> None:
    manifest, here = bundle.built.manifest, options.backend == BOARD and not is_agent(options.host)
    bitstream = bundle.built.folder if here else None  # an agent has its own
    board = manifest.board if options.host is not None else None  # the board's image says which it is
    start = time.perf_counter()
    with open_session(manifest.config, options.backend, options.host, board=board, bitstream=bitstream) as accelerator:
        recommender = HybridRecommender(accelerator, HybridModel.load(bundle.model), bundle.programs)
        ready = time.perf_counter() - start
        answer = recommender.recommend(options.user, options.query, options.top)
        cycles, clock_mhz = accelerator.report().cycles, accelerator.clock_mhz
    if options.json:
        print(json.dumps(_fields(answer, ready, cycles, clock_mhz)))
        return
    print(answer.title)
    for rank, item in enumerate(answer.items, 1):
        print(f"{rank:3}  {item.score:8.3f}  {item.title}  ({item.genres.replace('|', ', ')})")
    seconds = answer.seconds
    print(
        f"request {1e3 * seconds.total:.1f} ms: host {1e3 * seconds.host:.1f}, transfer {1e3 * seconds.transfer:.1f}, "
        f"accelerator {1e3 * seconds.accelerator:.1f}; start {ready:.1f} s before"
    )
    if cycles and clock_mhz:
        print(f"{cycles:,} cycles at {clock_mhz:g} MHz are {cycles / clock_mhz / 1e3:.1f} ms")


def _fields(answer: Recommendation, ready: float, cycles: int, clock_mhz: "float | None") -> "dict[str, object]":
    return {
        "user": answer.user_id,
        "query": answer.query,
        "items": [{"movie_id": each.movie_id, "title": each.title, "score": each.score} for each in answer.items],
        "scores": answer.scores.tobytes().hex(),
        "host_s": answer.seconds.host,
        "transfer_s": answer.seconds.transfer,
        "accelerator_s": answer.seconds.accelerator,
        "start_s": ready,
        "cycles": cycles,
        "clock_mhz": clock_mhz,
    }
