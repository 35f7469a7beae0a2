"""The design that a client sent last: kept on the board, so that a restarted agent has it again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gatewright.artefact import Built
from gatewright.driver.board.designs import named_design

__all__ = ["KeptDesign", "designs_dir"]


def designs_dir() -> Path:
    """Where flashed designs are kept: ``$XDG_STATE_HOME/gatewright`` or ``~/.local/state/gatewright``."""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "gatewright"


class KeptDesign:
    """The one below ``folder``, if there is one."""

    def __init__(self, folder: Path) -> None:
        self._place, self._new, self._old = (folder / name for name in ("flashed", "new", "old"))

    def find(self) -> Built | None:
        """The design; None where there is none. Raises :class:`~gatewright.artefact.ArtefactError`."""
        return named_design(self._place) if self._place.is_dir() else None

    @contextmanager
    def replaced_by(self, files: Mapping[str, Path]) -> Iterator[Built]:
        """The design of ``files``, checked, in the former one's place; that is there again where the body fails.

        Raises :class:`~gatewright.artefact.ArtefactError`.
        """
        self._clean()
        self._new.mkdir(parents=True)
        try:
            for name, path in files.items():
                shutil.copyfile(path, self._new / name)
            named_design(self._new)
            if self._place.exists():
                self._place.rename(self._old)
            self._new.rename(self._place)
            try:
                yield named_design(self._place)
            except BaseException:
                shutil.rmtree(self._place)
                if self._old.exists():
                    self._old.rename(self._place)
                raise
        finally:
            self._clean()

    def _clean(self) -> None:
        for folder in (self._new, self._old):
            shutil.rmtree(folder, ignore_errors=True)
