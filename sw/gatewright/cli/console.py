"""Where the subcommands print: progress to stderr, results to stdout."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

__all__ = ["console", "output", "step"]

console = Console(stderr=True, highlight=False)
"""Progress and remarks."""

_results = Console(highlight=False)


def output(json: Path | None = None) -> Console:
    """The console for results: stdout, unless `--json -` has taken it."""
    return console if str(json) == "-" else _results


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show a spinner while the body runs, and a line with the time it took when it is done."""
    start = time.monotonic()
    with console.status(text):
        yield
    console.print(f"[green]✓[/] {text} [dim]({time.monotonic() - start:.1f} s)[/]")
