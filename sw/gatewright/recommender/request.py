"""A whole request on the accelerator: history, text and scores are one program, started once."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np

from gatewright.driver import CallReport, CallSeconds, Session
from gatewright.driver.session import CallableProgram
from gatewright.program.compiled import CompiledProgram
from gatewright.program.convert import Saturation
from gatewright.recommender.errors import ModelFileError, RecommenderError
from gatewright.recommender.inputs import Tokenizer, request_inputs
from gatewright.recommender.model import HybridModel
from gatewright.recommender.users import user_index

__all__ = ["HybridRecommender", "Recommendation", "RecommendedItem", "typed"]


Program = CompiledProgram | str | Path
"""Or its file."""


class RecommendedItem(NamedTuple):
    """One movie of the answer; a higher score ranks before a lower one."""

    movie_id: int
    title: str
    genres: str
    score: float


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The answer to a request.

    Attributes
    ----------
    user_id : MovieLens id, None for somebody unknown
    query : what the language model read, None where nothing was typed
    items : best first, without movies that the user has rated
    scores : float32 [items], of every movie by item index, rated ones included
    seen : item indices of the movies that the user has rated
    saturated : inputs with elements outside the range that the program was calibrated for
    seconds : where the time of the program's call went
    """

    user_id: int | None
    query: str | None
    items: tuple[RecommendedItem, ...]
    scores: np.ndarray
    seen: np.ndarray
    saturated: tuple[Saturation, ...]
    seconds: CallSeconds

    @property
    def title(self) -> str:
        """What was asked, in words."""
        if self.user_id is None:
            who = "whoever asks"
        else:
            count = len(self.seen)
            known = f"{count:,} rating{'s' if count > 1 else ''}" if count else "no ratings yet"
            who = f"user {self.user_id} ({known})"
        return f"{who}: {self.query}" if self.query else who


def typed(user_id: int | None, query: str | None) -> str | None:
    """The words of a query; None where it is blank. Raises `RecommenderError` for neither a user nor a query."""
    words = (query or "").strip() or None
    if user_id is None and words is None:
        raise RecommenderError("neither a user nor a query is given, allowed: one of them, or both")
    return words


COLUMNS = 512
"""Of the table in which :func:`best` looks at scores first: a row of it costs little more than one comparison."""


def best(scores: np.ndarray, count: int, without: np.ndarray) -> np.ndarray:
    """The ``count`` places of the highest of ``scores``, best first, of equals the first one first, but for the places
    ``without``."""
    below = -scores
    below[without] = np.inf
    (candidates,) = (below <= _last(below, count)).nonzero()
    return candidates[below[candidates].argsort(kind="stable")[:count]]


def _last(values: np.ndarray, count: int) -> np.ndarray:
    """No less than the ``count``-th least of the values, and near it: that of the least in each column of a table,
    where there are enough columns."""
    rows = len(values) // COLUMNS
    if rows and count <= COLUMNS:
        values = np.minimum.reduce(values[: rows * COLUMNS].reshape(rows, COLUMNS))
    return np.partition(values, count - 1)[count - 1]


class HybridRecommender(AbstractContextManager["HybridRecommender"]):
    """A model on an accelerator. A program is loaded with the first request that needs it; requests then send only
    what is new. A context manager that frees the programs' memory.

    ``programs`` are for requests without a query, and with one.
    ``model`` may be set anew between requests, for instance to one `with_rating`.
    """

    def __init__(self, accelerator: Session, model: HybridModel, programs: tuple[Program, Program]) -> None:
        self.model = model
        self._accelerator = accelerator
        self._history, self._query = programs
        self._loaded: dict[str, CallableProgram] = {}
        self._loading = Lock()

    def recommend(self, user_id: int | None = None, query: str | None = None, top: int = 10) -> Recommendation:
        """The ``top`` movies for a user, led by the words of ``query`` if any are typed; without a user, what suits
        these words and is watched.

        Raises `UnknownUserError`, `RecommenderError` for neither a user nor a query and for ``top`` outside 1 to the
        number of unrated movies, `ModelFileError` for the program of another model, which would take this one's
        requests and answer nonsense, and the driver's errors.
        """
        model = self.model
        catalogue = model.catalogue
        query = typed(user_id, query)
        user = None if user_id is None else user_index(catalogue.user_ids, user_id)
        seen = model.items[:0] if user is None else model.items_of(user)
        most = len(catalogue.movie_ids) - len(seen)
        if not 1 <= top <= most:
            whom = "all movies" if user is None else f"the movies that user {user_id} has not rated"
            raise RecommenderError(f"top is {top}, allowed 1 to {most} ({whom})")
        scores, report = self.scores(user, query)
        chosen = best(scores, top, seen)
        rows = zip(chosen.tolist(), catalogue.movie_ids[chosen].tolist(), scores[chosen].tolist(), strict=True)
        items = tuple(
            RecommendedItem(movie_id, catalogue.titles[item], catalogue.genres[item], score)
            for item, movie_id, score in rows
        )
        return Recommendation(user_id, query, items, scores, seen, report.saturated, report.seconds)

    def scores(self, user: int | None, query: str | None = None) -> tuple[np.ndarray, CallReport]:
        """float32 [items] for a user's index, or somebody unknown, and a typed text; and the call's report."""
        model = self.model
        if query is None:
            program, tokens = self._load(self._history, model.history_program), None
        else:
            program, tokens = self._load(self._query, model.query_program), self._tokens(query)
        outputs, report = program.call_with_report(**request_inputs(model, user, tokens))
        return outputs["scores"][0], report

    def close(self) -> None:
        """Free the programs' memory; a request loads them again."""
        with self._loading:
            while self._loaded:
                self._loaded.popitem()[1].close()

    def __exit__(self, *exception: object) -> None:
        self.close()

    @cached_property
    def _tokens(self) -> Tokenizer:
        return Tokenizer(self.model)

    def _load(self, program: Program, name: str) -> CallableProgram:
        with self._loading:
            if name not in self._loaded:
                loaded = self._accelerator.load(program)
                if (found := loaded.program.name) != name:
                    loaded.close()
                    raise ModelFileError(f"the program is {found!r}, allowed for this model: {name!r}")
                self._loaded[name] = loaded
            return self._loaded[name]
