"""From a trained model to what is deployed: the compiled programs of whole requests, and names and histories."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatewright.cache import cached_directory, digest
from gatewright.compiler.compile import compile_model
from gatewright.models.data import MovieLens
from gatewright.models.experts.condensed import HISTORY
from gatewright.models.experts.question import words_for
from gatewright.models.experts.request import HistoryRequest, QueryRequest
from gatewright.models.export import export_request
from gatewright.models.text import MAX_TOKENS, item_texts, load_text_encoder, model_directory
from gatewright.models.train import TrainedHybrid
from gatewright.program.compiled import CompiledProgram
from gatewright.program.file import load_program, save_program
from gatewright.progress import Progress
from gatewright.recommender.inputs import Tokenizer, request_inputs
from gatewright.recommender.model import FORMAT_VERSION, Catalogue, HybridModel
from gatewright.sources import PROGRAM_ROOMS, source_version
from gatewright.spec.config import AcceleratorConfig

__all__ = ["BUCKETS", "Deployed", "deploy_or_load", "hybrid_model"]

BUCKETS = (8, 16, 24, 32, 48, 64)
"""Numbers of tokens that the program of a query is compiled for."""

CALIBRATION_USERS = 128
MAX_ERROR = 0.15
"""Of a layer: six layers of an int8 encoder add up to 12 % between their norms. Three would be nearer with operands
in two halves (4.3 % in the place of 5 to 6.6), for 15 % more cycles; but of float's ten best, 95.2 ± 0.4 % are found
with them, 94.9 ± 0.4 % without (200 users with a query)."""

MODEL_FILE, HISTORY_FILE, QUERY_FILE = "model.npz", "history.gwp", "query.gwp"


@dataclass(frozen=True)
class Deployed:
    """What serves requests: all parts of a hybrid model."""

    model: HybridModel
    history: CompiledProgram
    query: CompiledProgram

    @property
    def programs(self) -> tuple[CompiledProgram, CompiledProgram]:
        """For requests without a query, and with one."""
        return self.history, self.query

    def save(self, folder: Path) -> None:
        """Write MODEL_FILE, HISTORY_FILE and QUERY_FILE there."""
        self.model.save(folder / MODEL_FILE)
        for program, name in zip(self.programs, (HISTORY_FILE, QUERY_FILE), strict=True):
            save_program(program, folder / name)


def deploy_or_load(trained: TrainedHybrid, config: AcceleratorConfig, progress: Progress | None = None) -> Deployed:
    """The deployed form of a trained model for a configuration, compiled on first use and then kept in the cache."""
    key = digest(
        trained.key,
        config.hash_text,
        str(FORMAT_VERSION),
        source_version(__name__, rooms=PROGRAM_ROOMS),
    )

    def make(folder: Path) -> None:
        model = hybrid_model(trained)
        condensed, question = trained.learnt.condensed, trained.learnt.question
        requests = calibration_requests(trained.data)
        compiling = _Compiling(model, config, progress)
        history = compiling(HistoryRequest(condensed), requests, model.history_program, {})
        asking = QueryRequest(condensed, question, load_text_encoder())
        query = compiling(asking, requests, model.query_program, {"tokens": BUCKETS})
        Deployed(model, history, query).save(folder)

    folder = cached_directory("deployed", key, make)
    history, query = (load_program(folder / name) for name in (HISTORY_FILE, QUERY_FILE))
    return Deployed(HybridModel.load(folder / MODEL_FILE), history, query)


def hybrid_model(trained: TrainedHybrid) -> HybridModel:
    """Names, tokenizer and histories of a trained model."""
    data, condensed = trained.data, trained.learnt.condensed
    return HybridModel(
        key=trained.key,
        catalogue=Catalogue(data.user_ids, data.movie_ids, data.titles, data.genres),
        tokenizer=(model_directory() / "tokenizer.json").read_text(encoding="utf-8"),
        max_tokens=MAX_TOKENS,
        user_ptr=data.user_ptr,
        items=data.items,
        timestamps=data.timestamps,
        history=HISTORY,
        half_lives=tuple(each.half_life for each in condensed.aggregations),
        sizes=np.stack([each.size for each in condensed.aggregations]),
        months=condensed.when,
    )


@dataclass(frozen=True)
class _Compiling:
    model: HybridModel
    config: AcceleratorConfig
    progress: Progress | None

    def __call__(
        self,
        request: HistoryRequest,
        requests: list[tuple[int | None, str]],
        name: str,
        buckets: dict[str, tuple[int, ...]],
    ) -> CompiledProgram:
        """The program of a whole request, calibrated on real ones."""
        tokenize = Tokenizer(self.model)
        inputs = [request_inputs(self.model, user, tokenize(text) if buckets else None) for user, text in requests]
        self._advance(f"export of {name.split()[0]}", 0)
        exported = export_request(request, inputs[0])
        self._advance(f"compile of {name.split()[0]}", 1)
        program = compile_model(
            exported,
            config=self.config,
            calibration=inputs,
            buckets=buckets,
            capacity={"rated": self.model.history},
            name=name,
            max_error=MAX_ERROR,
            settled=True,  # room for users unlike all of these would cost all others precision
        )
        self._advance(f"{name.split()[0]} done", 2)
        return program

    def _advance(self, stage: str, done: int) -> None:
        if self.progress:
            self.progress(f"compiling the request: {stage}", done, 2)


def calibration_requests(data: MovieLens, seed: int = 0) -> list[tuple[int | None, str]]:
    """User indices and texts of real requests: users, some of whom look for a movie, and somebody unknown."""
    rng = np.random.default_rng(seed)
    users = rng.choice(data.n_users, min(CALIBRATION_USERS, data.n_users), replace=False)
    items = rng.integers(data.n_items, size=len(users) + 1)
    words, whole = words_for(data, items, rng), item_texts(data)
    texts = [text if turn % 2 else whole[item] for turn, (text, item) in enumerate(zip(words, items, strict=True))]
    return [*zip(users.tolist(), texts[1:], strict=True), (None, texts[0])]
