"""Options that the commands of development (``python -m ...``) have alike: what is chosen, where results go, how many
at a time, by which chance."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gatewright.spec.errors import GatewrightError

__all__ = ["OptionError", "Options", "at_least"]


class OptionError(GatewrightError):
    """An option that is none, or a value that it does not take."""


class Options(argparse.ArgumentParser):
    """A parser that says in one sentence what it refuses, for :func:`.outcome.outcome`.

    Parameters
    ----------
    module : what ``python -m`` runs.
    about : its docstring, whose first line tells what it does.
    """

    def __init__(self, module: str, about: str | None) -> None:
        summary = (about or "").splitlines()[0]
        super().__init__(prog=f"python -m {module}", description=summary, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise :class:`OptionError`."""
        raise OptionError(f"{message} ({self.prog} --help)")

    def add_choice(self, thing: str, names: Collection[str]) -> None:
        """``--<thing> NAME``, as often as one likes: each name once, in order; none of them means all."""
        self.add_argument(
            f"--{thing}", action=_Once, default=[], metavar="NAME", type=_one_of(thing, names),
            help=f"this {thing} alone, and others by the same option: {', '.join(names)} (default: all)",
        )  # fmt: skip

    def add_out(self, folder: str, what: str) -> None:
        """``--out FOLDER``, by default one below ``build``."""
        place = Path("build", folder)
        self.add_argument("--out", type=Path, default=place, metavar="FOLDER", help=f"of {what} (default: {place})")

    def add_jobs(self, what: str) -> None:
        """``--jobs N``, by default one for each core."""
        count = os.cpu_count() or 1
        said = f"{what} at a time (default: as many as there are cores, {count})"
        self.add_argument("--jobs", type=at_least(1), default=count, metavar="N", help=said)

    def add_seed(self, what: str) -> None:
        """``--seed N``, by default 1."""
        self.add_argument("--seed", type=at_least(0), default=1, metavar="N", help=f"{what} (default: 1)")


class _Once(argparse.Action):
    """Appends what is not there yet."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, list(dict.fromkeys([*getattr(namespace, self.dest), values])))


def _one_of(thing: str, names: Collection[str]) -> Callable[[str], str]:
    def known(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"unknown {thing} {text!r}, allowed: {', '.join(names)}")
        return text

    return known


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that takes whole numbers from ``least`` on."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is given, allowed: whole numbers from {least} on")
        return value

    return number
