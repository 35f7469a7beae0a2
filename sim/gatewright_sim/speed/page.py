"""A run as one file with its pictures, which needs nothing from elsewhere."""

from __future__ import annotations

from gatewright.pictures.inlined import Inlined
from gatewright.sheet import html
from gatewright.web_page import web_page
from gatewright_sim.speed.figures import figures
from gatewright_sim.speed.measurement import Measured
from gatewright_sim.speed.sheets import all_figures

__all__ = ["page"]


def page(found: Measured) -> str:
    """The page's text: the pictures, then all figures."""
    body = "\n".join([*Inlined().html(figures(found)), html(all_figures(found))])
    return web_page(f"How fast {found.config} is", body)
