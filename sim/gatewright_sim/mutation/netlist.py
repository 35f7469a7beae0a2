"""Mutants of a block's netlist, by `mutate` of Yosys: an input or output of one cell of one instance is stuck or
inverted, always or while another bit has some value."""

from __future__ import annotations

import re
from pathlib import Path

from gatewright_hw.verilog import to_rtlil
from gatewright_hw.yosys import run_yosys
from gatewright_sim.benches.catalogue import Design
from gatewright_sim.mutation.blocks import HARDWARE, Block
from gatewright_sim.mutation.mutant import Mutant, Mutated
from gatewright_sim.mutation.operators import ARROW, SELECT_BITS

__all__ = ["NETLIST", "netlist_mutants"]

NETLIST = "netlist"
"""The kind of these mutants."""

_SCRIPT = """read_rtlil design.il
hierarchy -top {top}
proc
flatten
opt_clean
memory_collect
select -set mine {sources}
mutate -list {count} -seed {seed} -ctrl mutant {bits} 1 -o mutants.ys @mine
script mutants.ys
write_verilog -noattr design.v
"""


def netlist_mutants(block: Block, design: Design, folder: Path, *, count: int, seed: int) -> Mutated:
    """``count`` mutants of the cells that come from the block's sources, made in ``folder``.

    Raises :class:`~gatewright_hw.yosys.YosysError`.
    """
    (folder / "design.il").write_text(to_rtlil(design.component(), design.top))
    sources = " ".join(f"a:src=*{HARDWARE.name}/{file}:*" for file in block.files)
    script = _SCRIPT.format(top=design.top, sources=sources, count=count, seed=seed, bits=SELECT_BITS)
    (folder / "script.ys").write_text(script)
    run_yosys(["-q", "-s", "script.ys"], folder)
    mutants = tuple(_mutant(line, block) for line in (folder / "mutants.ys").read_text().splitlines())
    return Mutated(design.finished((folder / "design.v").read_text()), mutants)


def _mutant(line: str, block: Block) -> Mutant:
    """The mutant that a command of Yosys makes, named by instance and cell, line of source, port and mode.

    A line of the source makes many cells; their numbers, which tell them apart, count those of the instance's module.
    """
    options = dict(re.findall(r"-(mode|cell|port|portbit|ctrlbit) (\S+)", line))
    (number,) = re.findall(rf"-ctrl mutant {SELECT_BITS} (\d+)", line)
    places = re.findall(rf"-src \S*{HARDWARE.name}/(\S+):(\d+)", line)
    file, row = next(place for place in places if place[0] in block.files)
    cell = ".".join([*re.findall(r"\\([^.$]+)\.", options["cell"]), options["cell"].rsplit(".", 1)[-1]])
    text = (HARDWARE / file).read_text().splitlines()[int(row) - 1].strip()
    fault = f"{options['port']}[{options['portbit']}] {options['mode']} {options.get('ctrlbit', '')}".strip()
    return Mutant(int(number), f"{file}: {NETLIST} {cell}: {text}{ARROW}{fault}", NETLIST, int(row))
