"""A block's design with mutants in it, as Verilog, written by a process of its own, since it imports rewritten sources.

python -m gatewright_sim.mutation.design BLOCK SEED COUNT FOLDER
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from amaranth.hdl import Fragment

from gatewright.spec.errors import GatewrightError
from gatewright_sim.mutation.blocks import Block, get_block
from gatewright_sim.mutation.hook import Hook
from gatewright_sim.mutation.operators import ARROW, Operators
from gatewright_sim.mutation.sample import sample

__all__ = ["Mutant", "Mutated", "source_mutants"]

TIMEOUT_S = 900


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes
    ----------
    number : what selects it in its design, from 1 on.
    key : where it is and what it does, in words that outlive changes of other lines.
    kind : of fault.
    line : of the file with which the key begins.
    """

    number: int
    key: str
    kind: str
    line: int


@dataclass(frozen=True)
class Mutated:
    """A design's Verilog with a port ``mutant``, its top module's name, and its mutants."""

    verilog: str
    top: str
    mutants: tuple[Mutant, ...]


def source_mutants(block: Block, count: int, seed: int, folder: Path) -> Mutated:
    """The block's design with ``count`` mutants of its sources, made in ``folder``."""
    command = [sys.executable, "-m", __name__, block.name, str(seed), str(count), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        raise GatewrightError(f"the mutants of {block.name} could not be made:\n{done.stderr[-2000:]}")
    described = json.loads((folder / "mutants.json").read_text())
    mutants = tuple(Mutant(**each) for each in described["mutants"])
    return Mutated((folder / "design.v").read_text(), described["top"], mutants)


def main(arguments: list[str]) -> None:
    """Write ``design.v`` and ``mutants.json``."""
    name, seed, count, folder = arguments
    block, operators = get_block(name), Operators()
    hook = Hook(block.files, operators)
    hook.install()
    design = import_module("gatewright_sim.benches.catalogue").BENCHES[block.bench].design
    Fragment.get(design.component(), None).prepare()
    keys = sample(operators.found, int(count), int(seed))
    operators.numbers = {key: number for number, key in enumerate(keys, start=1)}
    to_verilog = import_module("gatewright_hw.verilog").to_verilog
    text = design.finished(to_verilog(design.component(), design.top, mutant=operators.select))
    mutants = [
        Mutant(number, key, operators.found[key], hook.lines[key.rsplit(ARROW, 1)[0]])
        for key, number in operators.numbers.items()
    ]
    (Path(folder) / "design.v").write_text(text)
    described = {"top": design.top, "mutants": [asdict(mutant) for mutant in mutants]}
    (Path(folder) / "mutants.json").write_text(json.dumps(described))


if __name__ == "__main__":
    main(sys.argv[1:])
