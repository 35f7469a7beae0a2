"""Measures workloads on the RTL. Each result is kept, so that a run which was broken off goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from gatewright.cache import cached_directory, digest
from gatewright.driver.accelerator import Accelerator
from gatewright.progress import Progress
from gatewright.sources import PROGRAM_ROOMS, source_version
from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.rtl.build import build_library, design_verilog
from gatewright_sim.speed import parts
from gatewright_sim.speed.conditions import Conditions
from gatewright_sim.speed.measurement import Measured, Measurement
from gatewright_sim.speed.workload import Counted, Workload

__all__ = ["TIMEOUT_S", "count", "kept", "measure"]

_ROOMS = (
    *PROGRAM_ROOMS,
    "gatewright.driver",
    "gatewright_sim.commands",
    "gatewright_sim.speed",
    "gatewright_sim.stimulus",
)
"""Whose code decides what runs; the RTL and its simulator are told apart by what they are built from."""

TIMEOUT_S = 4 * 3600.0
"""Of a program. The longest has some 14 million cycles: half a minute, but hours where others keep the machine busy."""

_FILE = "counted.json"


def measure(
    config: AcceleratorConfig, names: Sequence[str], conditions: Sequence[Conditions], progress: Progress
) -> Measured:
    """Every workload of the parts ``names`` under each of the ``conditions``; those of ``parts.SCALING`` under the
    first alone.

    Raises what :class:`Accelerator` and the compiler raise.
    """
    found = []
    for part in names:
        progress(part, 0, 1)  # what a part is made of may have to be trained and compiled first
        rows = [(workload, each) for workload in parts.PARTS[part](config)
                for each in (conditions[:1] if part in parts.SCALING else conditions)]  # fmt: skip
        for done, (workload, each) in enumerate(rows):
            progress(part, done, len(rows))
            found.append(Measurement(workload.part, workload.what, each, kept(workload, config, each), workload.size))
        progress(part, len(rows), len(rows))
    return Measured(config.name, tuple(found))


def kept(workload: Workload, config: AcceleratorConfig, conditions: Conditions) -> Counted:
    """From the cache, unless the hardware, its simulator or anything that decides about the workload has changed."""
    version = source_version(parts.__name__, rooms=_ROOMS)
    key = digest(_simulator(config), repr(conditions.memory), workload.made_from, version)

    def make(folder: Path) -> None:
        (folder / _FILE).write_text(json.dumps(asdict(count(workload, config, conditions))))

    return Counted(**json.loads((cached_directory("speed", key, make) / _FILE).read_text()))


def count(workload: Workload, config: AcceleratorConfig, conditions: Conditions) -> Counted:
    """Run it on an accelerator of its own, as it is after power comes up."""
    with Accelerator(config, "rtl", timeout_s=TIMEOUT_S, memory=conditions.memory) as accelerator:
        return workload.run(accelerator)


@cache
def _simulator(config: AcceleratorConfig) -> str:
    """Names the RTL and all that its simulator is built from."""
    return build_library(design_verilog(config)).parent.name
