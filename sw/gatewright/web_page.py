"""Pages that people open from a disk: one file with its own style, which needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from string import Template

__all__ = ["table", "web_page"]

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<style>
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: ${width}rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { border-bottom: 1px solid #ddd; padding: .2rem .8rem; text-align: left; vertical-align: top; }
svg text { font-size: 13px; }
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")


def web_page(title: str, body: str, width: int = 90) -> str:
    """The page's text: ``body`` is HTML, ``title`` is text, ``width`` is the most in letters."""
    return _PAGE.substitute(title=escape(title), body=body, width=width)


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Names and texts in two columns."""
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows)
    return f"<table>{cells}</table>"
