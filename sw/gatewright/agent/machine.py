"""The one accelerator of an agent, with its programs and its bitstream. The agent's main thread calls it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy.typing as npt

from gatewright.agent.connect import BOARD
from gatewright.agent.errors import AgentError
from gatewright.agent.fields import call_fields
from gatewright.agent.kept import KeptDesign
from gatewright.agent.shelf import Shelf
from gatewright.artefact import Built
from gatewright.artefact.manifest import MANIFEST
from gatewright.driver import Accelerator
from gatewright.driver.board import BoardBackend
from gatewright.driver.board.designs import named_design
from gatewright.driver.board.opening import board_of, open_port
from gatewright.driver.errors import NoBitstream
from gatewright.program import load_program
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import GatewrightError

__all__ = ["Machine"]

LEAST_S = 0.01
"""Of a call whose turn came in the last moment."""

_log = logging.getLogger(__name__)

Fields = dict[str, Any]
Arrays = dict[str, npt.NDArray[Any]]


def _board_here() -> str | None:
    """Our name of the board that this runs on, as its image says; None where it says none, or there is none."""
    try:
        return board_of(open_port()) or None
    except GatewrightError:  # opening an accelerator says why
        return None


class Machine:
    """What an agent serves.

    Parameters
    ----------
    backend : name of the backend.
    config : the accelerator's, until a bitstream says otherwise.
    board : name of the board, where its image does not say it.
    bitstream : folder of a built design for the board; default: the one flashed last, else the newest that is here.
    designs : folder for designs that clients send; the last one is opened again after a restart.
    timeout_s : most seconds that one program may take.
    session_s : see :class:`Shelf`.
    """

    def __init__(
        self,
        backend: str,
        config: AcceleratorConfig,
        board: str | None,
        bitstream: Path | None,
        designs: Path,
        timeout_s: float,
        session_s: float,
    ) -> None:
        self.backend = backend
        self.config = config
        self.timeout_s = timeout_s
        self._board = board
        self._image = _board_here() if backend == BOARD else None
        self._kept = KeptDesign(designs)
        self._built: Built | None = None
        self._accelerator: Accelerator | None = None
        self._why = ""
        self._wants_design = False
        self.shelf = Shelf(session_s)
        if bitstream is not None:
            self._open(named_design(bitstream))
        elif backend == BOARD:
            self._open_last()
        else:
            self._open(None)

    def _open_last(self) -> None:
        """The design that was flashed last, else the newest here. Where that fails, one can still be flashed."""
        try:
            self._open(self._kept.find())
        except GatewrightError as error:
            self._why, self._wants_design = str(error), isinstance(error, NoBitstream)
            if self._wants_design:
                self._why += "; one is loaded by `gatewright flash FOLDER --host HOST`"
            _log.warning("%s", self._why)

    def _open(self, built: Built | None) -> None:
        """Close what is open, and open the backend, a board with a design or with the newest that is here."""
        self.close()
        self._built = None
        options: dict[str, Any] = {}
        if self.backend == BOARD:
            options = {"bitstream": built.folder if built else None, "board": self._board}
        config = self.config if built is None else built.manifest.config
        try:
            self._accelerator = opened = Accelerator(config, self.backend, timeout_s=self.timeout_s, **options)
        except Exception as error:
            self._why = str(error)
            raise
        self.config = config
        self._built = opened.backend.built if isinstance(opened.backend, BoardBackend) else None

    @property
    def accelerator(self) -> Accelerator:
        """What is open. Raises :class:`AgentError` where nothing is."""
        if self._accelerator is None:
            raise AgentError(f"the agent has no accelerator: {self._why}")
        return self._accelerator

    def status(self) -> Fields:
        """What stands where, as JSON; this alone any thread may ask for."""
        opened, built = self._accelerator, self._built
        return {
            "backend": self.backend,
            "board": built.manifest.board if built else self._board or self._image,
            "design": built.path(".bit").stem if built else None,
            "unvouched": list(built.manifest.unvouched) if built else [],
            "open": opened is not None,
            "why_not": "" if opened else self._why,
            "wants_design": opened is None and self._wants_design,
            "choice": opened.choice if opened else "",
            "config": asdict(self.config),
            "config_hash": self.config.hash_text,
            "clock_mhz": opened.clock_mhz if opened else None,
            "notes": list(opened.backend.notes) if opened and isinstance(opened.backend, BoardBackend) else [],
            "programs": self.shelf.summary(),
        }

    # ---- programs

    def find(self, digest: str, session: str) -> None:
        """Hold a program that is loaded. Raises :class:`ProgramNotLoaded`, :class:`AgentError`."""
        _ = self.accelerator
        self.shelf.get(digest, session)

    def load(self, digest: str, session: str, file: Path) -> None:
        """Load the program in ``file``. Raises the program's and the driver's errors."""
        accelerator = self.accelerator
        self.shelf.put(digest, session, lambda: accelerator.load(load_program(file)))

    def run(self, digest: str, session: str, inputs: Arrays, deadline: float) -> tuple[Fields, Arrays]:
        """One call of a loaded program, which has until ``deadline`` (``time.monotonic()``)."""
        accelerator = self.accelerator
        program = self.shelf.get(digest, session)
        accelerator.timeout_s = min(max(deadline - time.monotonic(), LEAST_S), self.timeout_s)
        accelerator.reset_report()
        outputs, call = program.call_with_report(**inputs)
        return {"call": call_fields(program.program, call), "report": asdict(accelerator.report())}, outputs

    # ---- bitstreams

    def flash(self, files: Mapping[str, Path]) -> Fields:
        """Check a built design, keep it and load it; where that fails, what was there before is loaded again.

        Raises :class:`AgentError`, :class:`~gatewright.artefact.ArtefactError` and the driver's.
        """
        if MANIFEST not in files:
            raise AgentError(f"files {', '.join(files) or 'none'}, allowed: {MANIFEST} and those that it names")
        if self.backend != BOARD:
            raise AgentError(f"the agent's backend is {self.backend!r}, which takes no bitstream: allowed {BOARD!r}")
        before = self._built
        try:
            with self._kept.replaced_by(files) as new:
                self._open(new)
        except Exception:  # not where it is told to end: nothing is opened any more
            if self._accelerator is None and before is not None:
                self._open(before)
            raise
        return self.status()

    def close(self) -> None:
        """Free programs and accelerator; a second call does nothing."""
        self.shelf.clear()
        opened, self._accelerator = self._accelerator, None
        if opened is not None:
            opened.close()
