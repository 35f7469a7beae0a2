"""A reproduction as one file that needs nothing from elsewhere."""

from __future__ import annotations

from html import escape

from gatewright.comparison.sheets import Sheet
from gatewright.pictures.inlined import Inlined
from gatewright.reproduction.figures import figures
from gatewright.reproduction.reproduction import Reproduction
from gatewright.reproduction.tables import all_sheets
from gatewright.web_page import web_page

__all__ = ["page"]


def page(found: Reproduction) -> str:
    """The page's text: the first sheets, the pictures, then all other sheets."""
    table, paper, costs, *others = (_html(sheet) for sheet in all_sheets(found))
    return web_page(
        "Reproduction", "\n".join([f"<p>{escape(found.made)}</p>", table, paper, *Inlined().html(figures(found)), costs,
                                   *others])
    )  # fmt: skip


def _html(sheet: Sheet) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in sheet.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in sheet.rows)
    note = f"<p>{escape(sheet.note)}</p>" if sheet.note else ""
    return f"<h2>{escape(sheet.title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"
