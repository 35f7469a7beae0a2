"""Tables of text: as Markdown, as HTML, and on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rich.table import Table

__all__ = ["Sheet", "html", "markdown", "table"]


@dataclass(frozen=True)
class Sheet:
    """A table of text with a title, and what has to be read beside it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def markdown(found: Sequence[Sheet]) -> str:
    """One after the other, under headings."""
    parts = []
    for sheet in found:
        lines = [sheet.columns, tuple("---" for _ in sheet.columns), *sheet.rows]
        body = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
        parts.append("\n\n".join(part for part in (f"## {sheet.title}", body, sheet.note) if part))
    return "\n\n".join(parts) + "\n"


def table(sheet: Sheet) -> Table:
    """For a terminal."""
    made = Table(*sheet.columns, title=sheet.title, caption=sheet.note or None, caption_justify="left")
    for row in sheet.rows:
        made.add_row(*row)
    return made


def html(sheet: Sheet) -> str:
    """For a page, under a heading."""
    head = "".join(f"<th>{escape(name)}</th>" for name in sheet.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in sheet.rows)
    note = f"<p>{escape(sheet.note)}</p>" if sheet.note else ""
    return f"<h2>{escape(sheet.title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"
