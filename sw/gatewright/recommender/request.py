"""A whole request on the accelerator: text, graph, fusion and scores are one program, started once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatewright.driver import CallReport, CallSeconds, Session
from gatewright.program.compiled import CompiledProgram
from gatewright.program.convert import Saturation
from gatewright.recommender.errors import ModelFileError, RecommenderError
from gatewright.recommender.inputs import Tokenizer, request_inputs
from gatewright.recommender.model import HybridModel
from gatewright.recommender.texts import favourites, profile_text
from gatewright.recommender.users import user_index

__all__ = ["HybridRecommender", "Recommendation", "RecommendedItem"]


@dataclass(frozen=True)
class RecommendedItem:
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
    user_id : MovieLens id
    query_text : what the language model read
    items : best first, without movies that the user has rated
    scores : float32 [items], of every movie by item index, rated ones included
    seen : item indices of the movies that the user has rated
    saturated : inputs with elements outside the range that the program was calibrated for
    seconds : where the time of the program's call went
    """

    user_id: int
    query_text: str
    items: tuple[RecommendedItem, ...]
    scores: np.ndarray
    seen: np.ndarray
    saturated: tuple[Saturation, ...]
    seconds: CallSeconds


class HybridRecommender:
    """A model on an accelerator. The program is loaded when it is made; requests then send only what is new.

    Raises `ModelFileError` for the program of another model, which would take this one's requests and answer nonsense.
    """

    def __init__(self, accelerator: Session, model: HybridModel, program: CompiledProgram | str | Path) -> None:
        self.model = model
        self._tokens = Tokenizer(model)
        self._program = accelerator.load(program)
        if (name := self._program.program.name) != model.program_name:
            self._program.close()
            raise ModelFileError(f"the program is {name!r}, allowed for this model: {model.program_name!r}")

    def recommend(self, user_id: int, query: str | None = None, top: int = 10) -> Recommendation:
        """The ``top`` movies for a user, led by the words of ``query`` or else by the user's favourites.

        Raises `UnknownUserError`, `RecommenderError` for ``top`` outside 1 to the number of unrated movies, and the
        driver's errors.
        """
        catalogue = self.model.catalogue
        user = user_index(catalogue.user_ids, user_id)
        seen = self.model.items_of(user)
        most = len(catalogue.movie_ids) - len(seen)
        if not 1 <= top <= most:
            raise RecommenderError(f"top is {top}, allowed 1 to {most} (the movies that user {user_id} has not rated)")
        text = self.query_text(user, query)
        scores, report = self.scores(user, text)
        ranked = scores.copy()
        ranked[seen] = -np.inf
        chosen = np.argsort(-ranked, kind="stable")[:top]
        items = tuple(
            RecommendedItem(int(catalogue.movie_ids[i]), catalogue.titles[i], catalogue.genres[i], float(scores[i]))
            for i in chosen
        )
        return Recommendation(user_id, text, items, scores, seen, report.saturated, report.seconds)

    def query_text(self, user: int, query: str | None) -> str:
        """``query``, or the titles of the favourites of the user with an index when it is None or blank."""
        if query and query.strip():
            return query.strip()
        chosen = favourites(self.model.items_of(user), self.model.half_stars_of(user))
        return profile_text([self.model.catalogue.titles[item] for item in chosen])

    def scores(self, user: int, text: str) -> tuple[np.ndarray, CallReport]:
        """float32 [items] for a user's index and the text that the language model reads, and the call's report."""
        outputs, report = self._program.call_with_report(**request_inputs(self.model, user, self._tokens(text)))
        return outputs["scores"][0], report
