"""The flow: Yosys, nextpnr-xilinx, fasm2frames, xc7frames2bit, and the bitstream read back.

Cells remember the instances that they come from, for the report. Nothing in the netlist rests on what shift registers
hold at power-up: none are inferred. No constraints are needed: the design's only pins are the processing system's,
which place and route leaves alone, and its only clock comes from there.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from gatewright.artefact import read_bit
from gatewright_hw.area import PARTS
from gatewright_hw.boards import board_verilog, top_name
from gatewright_hw.build.errors import BuildError, TookTooLong
from gatewright_hw.build.flow import LOG, Request, Result
from gatewright_hw.build.openxc7.bound import bound
from gatewright_hw.build.openxc7.check import read_back
from gatewright_hw.build.openxc7.database import Database
from gatewright_hw.build.openxc7.logic import slowest_logic
from gatewright_hw.build.openxc7.modules import by_module
from gatewright_hw.build.openxc7.netlist import Netlist
from gatewright_hw.build.openxc7.order import order_registers
from gatewright_hw.build.openxc7.pairing import pair_multipliers
from gatewright_hw.build.openxc7.resources import check_fits, utilisation
from gatewright_hw.build.openxc7.timing import read_timing
from gatewright_hw.build.openxc7.tools import Versions, find_tools, name_versions
from gatewright_hw.build.steps import Steps

__all__ = ["SEEDS", "OpenXc7Flow"]

SEEDS = 3
"""Placements that are tried until one meets the clock; the best is kept, and one that fails says nothing of others."""

_SOURCE, _SCRIPT, _NETLIST, _PLACED = "design.v", "synthesis.ys", "netlist.json", "placed.json"
_FASM, _FRAMES, _BIT, _TIMING, _VERSIONS = "design.fasm", "design.frames", "design.bit", "timing.log", "versions.json"
_LOGIC, _PLACEABLE = "logic.txt", "placeable.json"

_SYNTHESIS = """read_verilog {source}
hierarchy -top {top}
proc
flatten -scopename
synth_xilinx -family xc7 -top {top} -flatten -noiopad -noclkbuf -nosrl -run begin:fine
select -set short t:$alu r:Y_WIDTH<=8 %i t:$lcu r:WIDTH<=8 %i %u
techmap -map +/techmap.v @short
opt -fast
synth_xilinx -family xc7 -top {top} -flatten -noiopad -noclkbuf -nosrl -run fine:
delete t:$scopeinfo
write_json {netlist}
"""
"""For the sake of small parts, adders and comparisons of up to 8 bits are made of look-up tables alone: for each bit of
a carry chain, in fours, nextpnr-xilinx takes a whole look-up table, mostly to pass a value on."""


class OpenXc7Flow:
    """Files have names of their own in the work folder, in ASCII: the tools write their names into what they make."""

    def find(self, request: Request) -> None:
        """Raise :class:`BuildError` where a program or its data are missing."""
        find_tools(request.board)

    def prepare(self, request: Request, work: Path) -> None:
        """Find the tools and refuse bad releases before anything takes long; write the Verilog and the script."""
        tools, steps = find_tools(request.board), _steps(request, work)
        versions = name_versions(tools, steps)
        if versions.objection and not request.unvouched:
            raise BuildError(versions.objection)
        (work / _VERSIONS).write_text(json.dumps(asdict(versions)))
        (work / _SOURCE).write_text(board_verilog(request.board, request.config))
        top = top_name(request.board)
        (work / _SCRIPT).write_text(_SYNTHESIS.format(source=_SOURCE, top=top, netlist=_NETLIST))

    def run(self, request: Request, work: Path) -> None:
        """Synthesise; place and route until the clock is met or SEEDS are tried; write the bitstream."""
        tools, steps = find_tools(request.board), _steps(request, work)
        steps.run("synthesis", [tools.yosys, "-q", "-s", _SCRIPT], [_NETLIST])
        netlist = Netlist.read(work / _NETLIST, top_name(request.board))
        for remark in check_fits(netlist, request.board.device):
            request.say(remark)
        logic_ns = slowest_logic(work / _NETLIST, top_name(request.board))
        (work / _LOGIC).write_text(str(logic_ns))
        self._help_placement(request, work)
        best, failure = 0.0, None
        for seed in range(1, SEEDS + 1):
            try:
                output = self._place(tools.nextpnr, tools.chipdb, request, steps, seed)
            except TookTooLong:
                raise
            except BuildError as error:
                failure = error
                request.say(f"seed {seed}: {error}")
                continue
            timing = read_timing(output)
            closed = bound(netlist, timing, logic_ns).mhz
            request.say(f"seed {seed}: {timing.mhz:.2f} MHz as routed, {closed:.2f} MHz with untimed arcs")
            if closed > best:
                best = closed
                (work / _TIMING).write_text(output)
                for name in (_PLACED, _FASM):
                    (work / f"new-{name}").replace(work / name)
            if best >= request.clock.mhz:
                break
        if failure is not None and not best:
            raise failure
        part = tools.database / request.board.part / "part.yaml"
        of_part = ["--part", request.board.part, "--db-root", str(tools.database)]
        steps.run("assembly of frames", [tools.fasm2frames, *of_part, _FASM, _FRAMES], [_FRAMES])
        names = ["--part_name", request.board.part, "--part_file", str(part)]
        files = ["--frm_file", _FRAMES, "--output_file", _BIT]
        steps.run("writing the bitstream", [tools.frames2bit, *names, *files], [_BIT])

    def collect(self, request: Request, work: Path) -> Result:
        """Read the bitstream back, compare it with the netlist, and bound its clock."""
        tools = find_tools(request.board)
        netlist = Netlist.read(work / _NETLIST, top_name(request.board))
        placed = Netlist.read(work / _PLACED)  # nextpnr names its one module as it likes
        timing = read_timing((work / _TIMING).read_text())
        limit = bound(netlist, timing, float((work / _LOGIC).read_text()))
        words = read_bit(work / _BIT).words
        database = Database(tools.database, request.board.part, request.board.device)
        checks = read_back(database, words, netlist, placed)
        versions = Versions(**json.loads((work / _VERSIONS).read_text()))
        return Result(
            words=words,
            closed_mhz=limit.mhz,
            bound=limit.text,
            untimed=limit.untimed,
            tools=versions.of,
            unvouched=(versions.objection,) if versions.objection else (),
            utilisation=utilisation(netlist),
            modules=by_module(netlist),
            paths=(timing.worst,),
            remarks=(f"as routed, paths that were timed allow {timing.mhz:.2f} MHz", *checks),
        )

    def _help_placement(self, request: Request, work: Path) -> None:
        """The netlist as place and route takes it."""
        design = json.loads((work / _NETLIST).read_text())
        module = design["modules"][top_name(request.board)]
        pairs = pair_multipliers(module, PARTS[request.board.device].dsp48e1 // 2)
        order_registers(module)
        if pairs:
            request.say(f"{2 * pairs} multipliers share tiles in pairs")
        (work / _PLACEABLE).write_text(json.dumps(design))

    def _place(self, nextpnr: str, chipdb: Path, request: Request, steps: Steps, seed: int) -> str:
        """One placement, as ``new-`` files; what nextpnr said. A missed clock is our affair, not its failure."""
        made = [f"new-{_PLACED}", f"new-{_FASM}"]
        files = ["--chipdb", str(chipdb), "--json", _PLACEABLE, "--write", made[0], "--fasm", made[1]]
        options = ["--freq", f"{request.clock.mhz:.6f}", "--seed", str(seed), "--timing-allow-fail"]
        return steps.run("place and route", [nextpnr, *files, *options], made)


def _steps(request: Request, work: Path) -> Steps:
    return Steps(work, work / LOG, request.timeout_s)
