"""A reproduction as one file that needs nothing from elsewhere."""

from __future__ import annotations

from html import escape

from gatewright.pictures.inlined import Inlined
from gatewright.reproduction.figures import figures
from gatewright.reproduction.reproduction import Reproduction
from gatewright.reproduction.tables import all_sheets
from gatewright.sheet import html
from gatewright.web_page import web_page

__all__ = ["page"]


def page(found: Reproduction) -> str:
    """The page's text: the first sheets, the pictures, then all other sheets."""
    table, paper, costs, *others = (html(sheet) for sheet in all_sheets(found))
    return web_page(
        "Reproduction", "\n".join([f"<p>{escape(found.made)}</p>", table, paper, *Inlined().html(figures(found)), costs,
                                   *others])
    )  # fmt: skip
