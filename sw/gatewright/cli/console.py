"""Where the subcommands print: progress to stderr, results to stdout."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from gatewright.files import reason, silence
from gatewright.spec.errors import GatewrightError

__all__ = ["STDOUT", "bars", "console", "name_column", "output", "print_raw", "step"]


def _lost(stream: str, error: OSError) -> GatewrightError:
    return GatewrightError(f"standard {stream}: {reason(error)}")


class _Console(Console):
    def _check_buffer(self) -> None:  # where rich writes
        try:
            super()._check_buffer()
        except OSError as error:
            raise _lost("error" if self.stderr else "output", error) from error

    def on_broken_pipe(self) -> None:
        """Whoever read, such as `head`, has gone: the command goes on, for its files and its exit code."""
        self.quiet = True
        silence(self.file)


STDOUT = "-"
"""What `--json` calls stdout."""

console = _Console(stderr=True, highlight=False)
"""Progress and remarks."""

_results = _Console(highlight=False)


def output(json: Path | None = None) -> Console:
    """The console for results: stdout, unless `--json -` has taken it."""
    return console if str(json) == STDOUT else _results


def name_column(title: str) -> Column:
    """A table's column whose words are broken where they are too long, not cut."""
    return Column(title, overflow="fold")


def print_raw(text: str) -> None:
    """A line on stdout that is meant for programs."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _results.on_broken_pipe()
    except OSError as error:
        raise _lost("output", error) from error


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
