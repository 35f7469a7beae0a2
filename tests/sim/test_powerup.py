"""Designs without initial values: which registers and memories lose them, and that a run sees the difference."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.verilog import to_verilog
from gatewright_sim.powerup import without_initial_values


class Sample(wiring.Component):
    """A counter, one that is kept, a memory that is written, and a table."""

    address: In(3)
    data: In(8)
    q: Out(8)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.ram = ram = memory.Memory(shape=8, depth=8, init=[7] * 8)
        m.submodules.rom = rom = memory.Memory(shape=8, depth=8, init=range(8))
        write, read, table = ram.write_port(), ram.read_port(), rom.read_port()
        counter = Signal(8, init=3)
        kept = Signal(8, init=5)
        m.d.sync += [counter.eq(counter + 1), kept.eq(kept + 1)]
        m.d.comb += [write.en.eq(1), write.addr.eq(self.address), write.data.eq(self.data)]
        m.d.comb += [read.addr.eq(self.address), table.addr.eq(self.address)]
        m.d.comb += self.q.eq(read.data ^ table.data ^ counter ^ kept)
        return m


def test_only_tables_and_what_is_kept_have_initial_values() -> None:
    before = to_verilog(Sample(), "sample")
    after = without_initial_values(before, "kept")
    assert before.count("initial begin") == 2
    assert after.count("initial begin") == 1
    assert "[7] = 8'h07;" in after[after.index("initial begin") :]
    assert "reg [7:0] counter = 8'h03;" in before
    assert "reg [7:0] counter;" in after
    assert "reg [7:0] kept = 8'h05;" in after
    assert "reg [7:0] kept;" in without_initial_values(before)


def test_nothing_else_changes() -> None:
    before = to_verilog(Sample(), "sample").splitlines()
    after = without_initial_values("\n".join(before)).splitlines()
    bodies = [[line.split(" = ")[0].rstrip(" ;") for line in text if "mem[" not in line] for text in (before, after)]
    assert set(bodies[1]) <= set(bodies[0])
