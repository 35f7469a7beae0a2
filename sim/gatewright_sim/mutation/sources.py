"""Mutants of the hardware's sources: a design with many of them, as Verilog, written by a process of its own, since it
imports rewritten modules.

python -m gatewright_sim.mutation.sources FOLDER
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from amaranth.hdl import Fragment

from gatewright.spec.errors import GatewrightError
from gatewright_sim.mutation.blocks import Block, get_block
from gatewright_sim.mutation.hook import Hook
from gatewright_sim.mutation.mutant import Mutant, Mutated
from gatewright_sim.mutation.operators import ARROW, Operators
from gatewright_sim.mutation.sample import sample

__all__ = ["source_mutants"]

TIMEOUT_S = 900


def source_mutants(
    block: Block, bench: str, folder: Path, *, count: int = 0, seed: int = 1, keys: Sequence[str] | None = None
) -> Mutated:
    """The design of a bench with mutants of the block's sources, made in ``folder``: ``count`` drawn with ``seed``, or
    those of ``keys`` that it has. Raises :class:`GatewrightError`."""
    asked = {"block": block.name, "bench": bench, "count": count, "seed": seed, "keys": keys}
    (folder / "asked.json").write_text(json.dumps(asked))
    command = [sys.executable, "-m", __name__, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise GatewrightError(f"the mutants of {block.name} took more than {TIMEOUT_S} s to make") from None
    if done.returncode:
        raise GatewrightError(f"the mutants of {block.name} could not be made:\n{done.stderr[-2000:]}")
    mutants = tuple(Mutant(**each) for each in json.loads((folder / "mutants.json").read_text()))
    return Mutated((folder / "design.v").read_text(), mutants)


def main(folder: Path) -> None:
    """Write ``design.v`` and ``mutants.json`` as ``asked.json`` says."""
    asked = json.loads((folder / "asked.json").read_text())
    operators = Operators()
    hook = Hook(get_block(asked["block"]).files, operators)
    hook.install()
    design = import_module("gatewright_sim.benches.catalogue").BENCHES[asked["bench"]].design
    Fragment.get(design.component(), None).prepare()
    if asked["keys"] is None:
        keys = sample(operators.found, asked["count"], asked["seed"])
    else:
        keys = [key for key in asked["keys"] if key in operators.found]
    operators.numbers = {key: number for number, key in enumerate(keys, start=1)}
    to_verilog = import_module("gatewright_hw.verilog").to_verilog
    text = design.finished(to_verilog(design.component(), design.top, mutant=operators.select))
    mutants = [
        asdict(Mutant(number, key, operators.found[key], hook.lines[key.rsplit(ARROW, 1)[0]]))
        for key, number in operators.numbers.items()
    ]
    (folder / "design.v").write_text(text)
    (folder / "mutants.json").write_text(json.dumps(mutants))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
