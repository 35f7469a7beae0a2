"""Where the subcommands print: progress to stderr, results to stdout."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["bars", "console", "output", "step"]

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


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar per stage; call what it gives as ``progress(stage, done, total)``."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as display:
        tasks = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = display.add_task(stage, total=total)
            display.update(tasks[stage], completed=done, total=total)

        yield progress
