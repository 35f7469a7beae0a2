"""Texts for the language model: titles as people write them."""

import re

__all__ = ["tidy_title"]

_ARTICLE = re.compile(r"^(?P<name>.*), (?P<article>The|A|An|Les|Le|La|El|Das|Der|Die|Il)(?P<rest> \(.*|)$")
_YEAR = re.compile(r" \(\d{4}\)$")


def tidy_title(title: str) -> str:
    """A MovieLens title as people write it: "Matrix, The (1999)" -> "The Matrix"."""
    title = _YEAR.sub("", title)
    match = _ARTICLE.match(title)
    return f"{match['article']} {match['name']}{match['rest']}" if match else title
