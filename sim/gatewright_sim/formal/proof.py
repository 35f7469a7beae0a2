"""What a proof is: a harness, how far it reaches, and the bugs that it must not miss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from types import ModuleType

from gatewright_sim.formal.emission import Harness

__all__ = ["Bug", "Mode", "Proof"]


class Mode(Enum):
    """How far a proof reaches."""

    BOUNDED = "bmc"
    """Every run of ``depth`` cycles from the reset on. Of a pipeline without feedback that is all there is to prove."""
    INDUCTIVE = "prove"
    """Every run of any length: the properties hold at the beginning, and no ``depth`` cycles that keep them lead to one
    that breaks them."""


@dataclass(frozen=True)
class Bug:
    """A change of one place in a module's source that the proof has to refute.

    ``what`` is a sentence; ``before`` stands once in the source of ``module``, within a method of a component, and
    ``after`` takes its place.
    """

    what: str
    module: ModuleType
    before: str
    after: str


@dataclass(frozen=True)
class Proof:
    """One harness with properties.

    Parameters
    ----------
    name : of the proof, an identifier.
    promise : what is proven, in a line.
    harness : makes the component that holds the part and the properties about it. Its ``Cover`` statements must be met
        within ``depth`` cycles: what the properties speak of does happen.
    mode, depth : see :class:`Mode`.
    bugs : each of them makes a property fail within ``depth`` cycles.
    """

    name: str
    promise: str
    harness: Callable[[], Harness]
    mode: Mode
    depth: int
    bugs: tuple[Bug, ...]
