"""Texts for the language model: titles as people write them, and what stands in for a query that was not typed."""

import re

import numpy as np

__all__ = ["FAVOURITES", "favourites", "profile_text", "tidy_title"]

FAVOURITES = 3  # movies in a profile text; few, since a request's work grows with its tokens
_ARTICLE = re.compile(r"^(?P<name>.*), (?P<article>The|A|An|Les|Le|La|El|Das|Der|Die|Il)(?P<rest> \(.*|)$")
_YEAR = re.compile(r" \(\d{4}\)$")
_ALIAS = re.compile(r" \([^)]*\)")


def tidy_title(title: str) -> str:
    """A MovieLens title as people write it: "Matrix, The (1999)" -> "The Matrix"."""
    title = _YEAR.sub("", title)
    match = _ARTICLE.match(title)
    return f"{match['article']} {match['name']}{match['rest']}" if match else title


def favourites(items: np.ndarray, half_stars: np.ndarray) -> np.ndarray:
    """The best rated of a user's ``items`` (oldest first), the newest of equals first: at most `FAVOURITES`."""
    recency = np.arange(len(items))
    return items[np.lexsort((-recency, -half_stars.astype(np.int64)))[:FAVOURITES]]


def profile_text(titles: list[str]) -> str:
    """The query text of a user who typed none: the titles of their favourites, without alternative titles."""
    return ", ".join(_ALIAS.sub("", tidy_title(title)) for title in titles)
