"""Resources that the accelerator takes on a Zynq-7000, by Yosys' synthesis for Xilinx 7-series.

    python -m gatewright_hw.area --config pynq-z2

These are mapped cells before placement: no two small LUTs are packed into one, as a vendor tool would.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gatewright.spec.config import CONFIGS, get_config
from gatewright.spec.errors import GatewrightError
from gatewright.spec.registers import BLOCK_NAME
from gatewright_hw.generate import verilog
from gatewright_hw.yosys import run_yosys

__all__ = ["PARTS", "Area", "AreaError", "area_of_cells", "measure"]

LUT_CELLS = {
    r"LUT[1-6]|INV": 1,
    r"SRL16E|SRLC16E|SRLC32E": 1,
    r"RAM32X1D|RAM64X1D": 2,
    r"RAM32M|RAM64M|RAM128X1D|RAM256X1S": 4,
    r"RAM32M16|RAM64M8": 8,
    r"RAM16X1S|RAM32X1S|RAM64X1S": 1,
    r"RAM128X1S": 2,
}
"""LUT sites that a cell occupies (Xilinx UG953, 7 Series Libraries Guide)."""
FF_CELLS = r"FD[RSCP]E(_1)?|LD[CP]E"
BRAM_CELLS = {r"RAMB36E1|FIFO36E1": 1.0, r"RAMB18E1|FIFO18E1": 0.5}
DSP_CELLS = r"DSP48E1"


class AreaError(GatewrightError):
    """A netlist whose cells are not all of the part."""


@dataclass(frozen=True)
class Area:
    """LUTs (with those used as memory or shift register), flip-flops, block RAMs of 36 Kb, DSP48E1s."""

    lut: int
    ff: int
    bram36: float
    dsp48e1: int

    def share_of(self, part: Area) -> dict[str, float]:
        """Each resource as a fraction of what ``part`` has."""
        return {name: value / getattr(part, name) for name, value in asdict(self).items()}


PARTS = {"xc7z010": Area(17_600, 35_200, 60, 80), "xc7z020": Area(53_200, 106_400, 140, 220)}
"""What the parts have (Xilinx DS190, Zynq-7000 SoC Data Sheet: Overview)."""

LIMITS = {"lut": 0.90, "ff": 0.90, "bram36": 0.95, "dsp48e1": 1.0}
"""Most of each resource that may be used. Logic needs room to route; multipliers, which stand in columns, do not."""


def area_of_cells(cells: Mapping[str, int]) -> Area:
    """Add up a flat design's cells, counted by type. Cells without a cost (buffers, carry chains, wide multiplexers)
    are skipped; :class:`AreaError` names a memory or generic cell that is left unmapped."""
    lut, ff, bram, dsp = 0, 0, 0.0, 0
    for cell, count in cells.items():
        if cell == "$scopeinfo":  # says where flattened cells come from
            continue
        if cell.startswith("$"):
            raise AreaError(f"{count} cells of type {cell} were not mapped to the part")
        lut += sum(cost * count for pattern, cost in LUT_CELLS.items() if re.fullmatch(pattern, cell))
        ff += count if re.fullmatch(FF_CELLS, cell) else 0
        bram += sum(cost * count for pattern, cost in BRAM_CELLS.items() if re.fullmatch(pattern, cell))
        dsp += count if re.fullmatch(DSP_CELLS, cell) else 0
    return Area(lut, ff, bram, dsp)


def synthesise(text: str, top: str) -> dict[str, int]:
    """Synthesise Verilog ``text`` for 7-series, flattened, and count the cells by type. Raises :class:`.YosysError`."""
    with tempfile.TemporaryDirectory(prefix="gatewright-area-") as folder:
        (Path(folder) / "design.v").write_text(text)
        synthesis = f"synth_xilinx -family xc7 -top {top} -flatten -noiopad"
        script = f"read_verilog design.v; {synthesis}; tee -q -o stat.json stat -json"
        run_yosys(["-q", "-p", script], Path(folder))
        statistics = json.loads((Path(folder) / "stat.json").read_text())
    return dict(statistics["design"]["num_cells_by_type"])


def measure(text: str, top: str = BLOCK_NAME) -> Area:
    """The area of Verilog ``text`` with top module ``top``."""
    return area_of_cells(synthesise(text, top))


def main(arguments: list[str] | None = None) -> int:
    """Print the area of a configuration; exit code 1 when it takes more than LIMITS allow of the part."""
    parser = argparse.ArgumentParser(prog="python -m gatewright_hw.area", description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="pynq-z2", choices=sorted(CONFIGS))
    parser.add_argument("--part", choices=sorted(PARTS), help="default: the configuration's")
    parser.add_argument("--json", type=Path, help="write the result to this file as well")
    options = parser.parse_args(arguments)
    config = get_config(options.config)
    name = options.part or config.part
    part = PARTS[name]
    print(f"synthesising {config.name} for {name}: some minutes", flush=True)
    try:
        area = measure(verilog(config))
    except GatewrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    shares = area.share_of(part)
    for resource, share in shares.items():
        amount = f"{getattr(area, resource):>9,g} of {getattr(part, resource):>9,g}"
        print(f"{resource:>8} {amount}  {share:6.1%}, allowed {LIMITS[resource]:.0%}")
    fits = all(share <= LIMITS[resource] for resource, share in shares.items())
    print(f"fits: {'yes' if fits else 'no'}")
    if options.json:
        result = {"config": config.name, "part": name, "area": asdict(area), "share": shares, "fits": fits}
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
