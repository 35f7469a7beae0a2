"""The proofs by group. Adding a group is adding a file in ``proofs`` and an entry."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.spec.errors import GatewrightError
from gatewright_sim.formal.proof import Proof
from gatewright_sim.formal.proofs import (
    arbiters,
    arithmetic,
    drain,
    gp_port,
    lanes,
    lite_slaves,
    master_bus,
    master_data,
    program,
    queues,
    registers,
    splitter,
    watchdog,
)

__all__ = ["GROUPS", "PROOFS", "group_of", "select"]

GROUPS: dict[str, tuple[Proof, ...]] = {
    "arithmetic": arithmetic.TABLE,
    "queues": queues.TABLE,
    "registers": (*lite_slaves.TABLE, *registers.TABLE),
    "master": (*splitter.TABLE, *master_bus.TABLE, *master_data.TABLE),
    "arbiters": arbiters.TABLE,
    "sequencer": (*program.TABLE, *watchdog.TABLE),
    "engines": (*lanes.TABLE, *drain.TABLE),
    "boards": gp_port.TABLE,
}


PROOFS: dict[str, Proof] = {proof.name: proof for proofs in GROUPS.values() for proof in proofs}
"""Every proof by name."""


def group_of(proof: Proof) -> str:
    """The name of the group that ``proof`` is in."""
    return next(name for name, proofs in GROUPS.items() if proof in proofs)


def select(names: Iterable[str]) -> list[Proof]:
    """The proofs of these names or groups, each once, in the catalogue's order; all of them where there is no name.

    Raises :class:`GatewrightError` on an unknown name.
    """
    wanted = set(names)
    if unknown := wanted - PROOFS.keys() - GROUPS.keys():
        raise GatewrightError(f"unknown proof {min(unknown)!r}, allowed: {', '.join((*GROUPS, *PROOFS))}")
    chosen = wanted | {proof.name for group in wanted & GROUPS.keys() for proof in GROUPS[group]}
    return [proof for name, proof in PROOFS.items() if name in chosen or not wanted]
