"""Pictures as parts of a page that needs nothing from elsewhere."""

from collections.abc import Iterable, Iterator

import plotly.graph_objects as go

__all__ = ["Inlined"]


class Inlined:
    """Of one page: the library that draws is in it once, before the first picture."""

    def __init__(self) -> None:
        self._library = True

    def html(self, figures: Iterable[go.Figure]) -> Iterator[str]:
        """Each as HTML; a picture is as wide as the page."""
        for figure in figures:
            yield figure.to_html(full_html=False, include_plotlyjs=self._library, config={"responsive": True})
            self._library = False
