"""The slowest logic of each module on a Zynq-7000 of speed grade -1, wires left out.

python -m gatewright_hw.timing --config pynq-z2
"""

from __future__ import annotations

import argparse
import sys
from itertools import groupby

from gatewright.spec.config import CONFIGS, get_config
from gatewright.spec.errors import GatewrightError
from gatewright.spec.registers import BLOCK_NAME
from gatewright_hw.generate import verilog
from gatewright_hw.synthesis import synthesised
from gatewright_hw.timing.analysis import Path, analyse
from gatewright_hw.timing.library import load_library


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m gatewright_hw.timing", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", default="pynq-z2", choices=sorted(CONFIGS))
    parser.add_argument("--depth", type=int, default=2, help="levels of modules to tell apart")
    options = parser.parse_args(arguments)
    config = get_config(options.config)
    print(f"synthesising {config.name} for 7 series: some minutes, unless it is kept from before", flush=True)
    try:
        paths = analyse(synthesised(verilog(config), BLOCK_NAME), load_library(), options.depth)
    except GatewrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{'ns':>6}  {'module':<28} cells")
    for path in paths:
        print(f"{path.ns:>6.2f}  {path.module or '(top)':<28} {_cells(path)}")
    worst = paths[0]
    print(f"worst: from {worst.start} to {worst.end}")
    print("cells alone, speed grade -1 (DS187; Project X-Ray); wires, skew and jitter come on top: no clock follows")
    return 0


def _cells(path: Path) -> str:
    """Cells in a row, those of a kind together."""
    found = []
    for kind, steps in groupby(path.steps, key=lambda step: step.kind):
        delays = [step.ns for step in steps]
        found.append(f"{kind}{f' x{len(delays)}' if len(delays) > 1 else ''} {sum(delays):.2f}")
    return " > ".join(found)


if __name__ == "__main__":
    sys.exit(main())
