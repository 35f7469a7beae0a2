"""What can be fuzzed: a target draws cases, which are bytes, and says how one of them ended."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from hypothesis.strategies import SearchStrategy

from gatewright.spec.errors import GatewrightError
from gatewright_sim.fuzz.limits import bounded

__all__ = ["Finding", "Target", "try_case"]

_ROOT = Path(__file__).parents[3]


class Finding(Exception):
    """What must not be.

    Attributes
    ----------
    kind : a few words, the same for all cases that show the same.
    """

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind = kind


class Target(ABC):
    """Something that takes cases.

    Attributes
    ----------
    name, suffix : its own, and that of its cases' files.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]

    @abstractmethod
    def cases(self) -> SearchStrategy[bytes]:
        """Any case."""

    @abstractmethod
    def run(self, case: bytes) -> str:
        """How the case ended, in a word or two. Raises what the code under test raises, or :class:`Finding`."""


def try_case(target: Target, case: bytes) -> str:
    """How a case ended: what the target says, or the class of the project's own error with its one sentence.

    Raises :class:`Finding` for any other exception, too much time or too much memory.
    """
    try:
        with bounded():
            return target.run(case)
    except Finding:
        raise
    except GatewrightError as error:
        sentence = str(error)
        if not sentence or "\n" in sentence or "\r" in sentence:
            raise Finding(f"{type(error).__name__} of no single line", f"{sentence!r:.300}") from error
        return f"refused: {type(error).__name__}"
    except Exception as error:
        raise Finding(f"{type(error).__name__} {_origin(error)}", str(error)) from error


def _origin(error: Exception) -> str:
    """The innermost of our own functions that the exception came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(Path(frame.filename))]
    if not frames:
        return "from outside"
    return f"in {Path(frames[-1].filename).stem}.{frames[-1].name}"


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(_ROOT) and "fuzz" not in file.parts
