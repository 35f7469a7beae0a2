"""Proofs that a mutant is equivalent: Yosys shows, of each module that the mutant changes, that it does the same with
and without it, whatever comes in: output by output and register by register, by induction over a few cycles.

What closes is equivalent; what does not close may be so all the same, for a reason that lies outside of the module or
in values that its registers never take.
"""

from __future__ import annotations

import re
from pathlib import Path

from gatewright_hw.yosys import YosysFails, run_yosys
from gatewright_sim.mutation.operators import SELECT_BITS

__all__ = ["PROVED", "proved_equivalent"]

PROVED = "proved equivalent by induction"
TIMEOUT_S = 120.0
"""Limit on the wall for one module."""

_MODULE = re.compile(r"^module (\S+?) ?\(.*?^endmodule$", re.S | re.M)
# Names of no meaning (`$12`) are hidden, so that what is compared is what the source names.
_SCRIPT = """read_verilog design.v
hierarchy -top {module}
proc
flatten
memory_map
opt_clean
rename -hide w:\\$*
rename -top gold
copy gold gate
cd gold
delete -input w:mutant
connect -set mutant {bits}'d0
cd gate
delete -input w:mutant
connect -set mutant {bits}'d{number}
cd ..
equiv_make gold gate equiv
hierarchy -top equiv
opt -full
equiv_simple -undef
equiv_induct -undef -seq 3
equiv_status -assert
"""


def proved_equivalent(verilog: str, number: int, folder: Path) -> bool:
    """Whether a proof closes for mutant ``number`` of a design, worked out in ``folder``. Raises
    :class:`~gatewright_hw.yosys.YosysError` where there is no Yosys."""
    (folder / "design.v").write_text(verilog)
    changed = [
        module[1] for module in _MODULE.finditer(verilog) if re.search(rf"\bmutant == \d+'h0*{number:x};", module[0])
    ]
    return bool(changed) and all(_same(module, number, folder) for module in changed)


def _same(module: str, number: int, folder: Path) -> bool:
    script = _SCRIPT.format(module=module, number=number, bits=SELECT_BITS)
    (folder / "proof.ys").write_text(script)
    try:
        run_yosys(["-q", "-s", "proof.ys"], folder, timeout_s=TIMEOUT_S)
    except YosysFails:
        return False
    return True
