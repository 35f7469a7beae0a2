# amaranth: UnusedElaboratable=no
"""A netlist with one cell that is not what was meant: random inputs find it, whatever its kind."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.synthesis import synthesised
from gatewright_hw.verilog import to_verilog
from gatewright_sim.gates.lockstep import differences
from gatewright_sim.gates.verilog import gates_of

Change = Callable[[Any], None]

CYCLES = 4_000
TABLE = [int(value) for value in np.random.default_rng(1).integers(0, 256, 2048)]


class Sample(wiring.Component):
    """A little of everything that the accelerator is made of: a pipelined product, a sum, memories in block RAM and in
    look-up tables, a table, a long delay."""

    a: In(signed(18))
    b: In(signed(18))
    write: In(1)
    product: Out(signed(48))
    stored: Out(36)
    kept: Out(6)
    looked_up: Out(8)
    delayed: Out(1)
    sum: Out(19)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.ram = ram = memory.Memory(shape=36, depth=512, init=[])
        m.submodules.small = small = memory.Memory(shape=6, depth=32, init=[])
        m.submodules.table = table = memory.Memory(shape=8, depth=2048, init=TABLE)
        for each, address in ((ram, self.b), (small, self.a)):
            port = each.write_port()
            m.d.comb += [port.en.eq(self.write), port.addr.eq(address), port.data.eq(self.a * self.b)]
        m.d.comb += [(stored := ram.read_port()).addr.eq(self.b[:7]), self.stored.eq(stored.data)]
        m.d.comb += [(kept := small.read_port(domain="comb")).addr.eq(self.b), self.kept.eq(kept.data)]
        m.d.comb += [(entry := table.read_port()).addr.eq(self.a), self.looked_up.eq(entry.data)]
        a, b, product = Signal(signed(18)), Signal(signed(18)), Signal(signed(36))
        m.d.sync += [a.eq(self.a), b.eq(self.b), product.eq(a * b), self.product.eq(self.product + product)]
        m.d.sync += self.sum.eq(self.a.as_unsigned() + self.b.as_unsigned())
        line = Signal(12, reset_less=True)
        m.d.sync += line.eq(line << 1 | self.write)
        m.d.comb += self.delayed.eq(line[-1])
        return m


def _parameter(name: str, change: str | Callable[[str], str]) -> Change:
    def apply(cell: Any) -> None:
        values = cell["parameters"]
        values[name] = change if isinstance(change, str) else change(values[name])

    return apply


def _pin(name: str, change: Callable[[list[Any]], list[Any]]) -> Change:
    def apply(cell: Any) -> None:
        cell["connections"][name] = change(cell["connections"][name])

    return apply


def _flip_last(bits: str) -> str:
    return bits[:-1] + {"0": "1", "1": "0"}[bits[-1]]


WRONG: dict[str, tuple[str, Change]] = {
    "lut_entry": ("LUT2", _parameter("INIT", _flip_last)),
    "carry_in": ("CARRY4", _pin("CYINIT", lambda _: ["1"])),
    "flip_flop_inverted": ("FDRE", _parameter("IS_D_INVERTED", "1")),
    "flip_flop_at_the_other_edge": ("FDRE", _parameter("IS_C_INVERTED", "1")),
    "flip_flop_never_enabled": ("FDRE", _pin("CE", lambda _: ["0"])),
    "dsp_register_more": ("DSP48E1", _parameter("AREG", f"{2:032b}")),
    "dsp_register_less": ("DSP48E1", _parameter("MREG", "0")),
    "dsp_subtracts": ("DSP48E1", _pin("ALUMODE", lambda _: ["1", "1", "0", "0"])),
    "dsp_adds_nothing": ("DSP48E1", _pin("OPMODE", lambda bits: [*bits[:4], "0", "0", "0"])),
    "block_ram_writes_first": ("RAMB18E1 ram", _parameter("WRITE_MODE_B", "WRITE_FIRST")),
    "block_ram_without_a_byte": ("RAMB18E1 ram", _pin("WEBWE", lambda bits: [*bits[:3], "0"])),
    "block_ram_address_crossed": ("RAMB18E1 ram", _pin("ADDRARDADDR", lambda b: [*b[:5], b[6], b[5], *b[7:]])),
    "block_ram_parity_crossed": ("RAMB18E1 ram", _pin("DOPADOP", lambda bits: bits[::-1])),
    "table_entry": ("RAMB18E1 table", _parameter("INIT_00", _flip_last)),
    "shift_register_longer": ("SRL16E", _pin("A2", lambda _: ["1"])),
    "lut_ram_outputs_crossed": ("RAM32M", _pin("DOA", lambda bits: bits[::-1])),
    "lut_ram_never_written": ("RAM32M", _pin("WE", lambda _: ["0"])),
}
"""What is wrong, in which cell (kind, and how its name begins), by the name of the top module of the netlist."""


def _spoil(module: dict[str, Any], where: str, change: Change) -> dict[str, Any]:
    """A netlist with one cell changed, the last that fits."""
    kind, _, name = where.partition(" ")
    spoilt = deepcopy(module)
    fitting = [cell for key, cell in spoilt["cells"].items() if cell["type"] == kind and key.startswith(name)]
    change(fitting[-1])
    assert spoilt != module
    return spoilt


def test_every_wrong_cell_is_found_and_no_right_one() -> None:
    text = to_verilog(Sample(), "sample")
    module = synthesised(text, "sample")
    netlists = {"right": module, **{name: _spoil(module, *wrong) for name, wrong in WRONG.items()}}
    gates = {name: gates_of(netlist, name, keeps=True) for name, netlist in netlists.items()}
    assert differences(text, "sample", gates, CYCLES).keys() == WRONG.keys()
