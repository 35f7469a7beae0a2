"""The design that a client sent last: kept on the board, so that a restarted agent has it again."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gatewright.artefact import Built
from gatewright.driver.board.designs import named_design

__all__ = ["KeptDesign", "designs_dir"]

_log = logging.getLogger(__name__)


def designs_dir() -> Path:
    """Where flashed designs are kept: ``$XDG_STATE_HOME/gatewright`` or ``~/.local/state/gatewright``."""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "gatewright"


class KeptDesign:
    """The one below ``folder``, if there is one.

    A design may freeze the board that loads it. So ``old`` is there, empty where there was no former design, from
    before a new one is in its place until it has proved good: whoever finds it puts back what was there before.
    """

    def __init__(self, folder: Path) -> None:
        self._place, self._new, self._old = (folder / name for name in ("flashed", "new", "old"))

    def find(self) -> Built | None:
        """The design, or the one before where it has not proved good; None where there is none.

        Raises :class:`~gatewright.artefact.ArtefactError`.
        """
        if self._old.exists():
            _log.warning("the agent ended while it loaded the design flashed last: that is given up")
            self._put_back()
        return named_design(self._place) if self._place.is_dir() else None

    @contextmanager
    def replaced_by(self, files: Mapping[str, Path]) -> Iterator[Built]:
        """The design of ``files``, checked, in the former one's place; that is there again where the body fails.

        Raises :class:`~gatewright.artefact.ArtefactError`.
        """
        self._put_back()
        self._new.mkdir(parents=True)
        try:
            for name, path in files.items():
                shutil.copyfile(path, self._new / name)
            named_design(self._new)
            if self._place.exists():
                self._place.rename(self._old)
            else:
                self._old.mkdir()
            self._new.rename(self._place)
            os.sync()  # a board that freezes writes nothing more
            yield named_design(self._place)
            self._old.rename(self._new)  # at once, as its removal is not
        finally:
            self._put_back()

    def _put_back(self) -> None:
        """End with the design that has proved good, wherever this was broken off; what is besides goes."""
        if self._old.exists():
            shutil.rmtree(self._place, ignore_errors=True)
            if any(self._old.iterdir()):
                self._old.rename(self._place)
            else:
                self._old.rmdir()
        shutil.rmtree(self._new, ignore_errors=True)
