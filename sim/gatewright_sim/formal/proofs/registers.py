"""What each register holds, and that no event is lost."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Cover, Module, Mux, Signal, Value

from gatewright.spec.registers import REGISTERS, Access, Register, constants
from gatewright_hw import register_block
from gatewright_hw.register_block import RegisterBlock
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.proofs.lite_slaves import CONFIG, slave_rules
from gatewright_sim.formal.properties import past

__all__ = ["TABLE"]


def _no_undefined_bits(m: Module, part: RegisterBlock) -> None:
    for entry in REGISTERS:
        if entry.access in (Access.RW, Access.W1C):
            m.d.comb += Assert((Value.cast(getattr(part, entry.name.lower())) & ~entry.mask) == 0)


def _bytes_of(word: Value, strobes: Value, before: Value) -> Value:
    """``before`` with the bytes of ``word`` that ``strobes`` chooses."""
    return Cat(Mux(strobes[i], word[8 * i : 8 * i + 8], before[8 * i : 8 * i + 8]) for i in range(4))


class _BlockHarness(Harness):
    """The register block, which keeps to its bus and shows no bit that is not defined."""

    def __init__(self) -> None:
        super().__init__(RegisterBlock(CONFIG))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        slave_rules(self, m)
        _no_undefined_bits(m, self.part)
        return m


class WritesHarness(_BlockHarness):
    """Registers that software writes, each beside a model of what it holds."""

    def elaborate(self, platform: object) -> Module:
        m, bus = super().elaborate(platform), self.part.bus
        zero = Signal(32)
        for entry in REGISTERS:
            name = entry.name.lower()
            write = bus.awvalid & bus.awready & (bus.awaddr[2:] == entry.offset >> 2)
            match entry.access:
                case Access.RW:
                    held = Signal(32, name=f"{name}_model")
                    with m.If(write):
                        m.d.sync += held.eq(_bytes_of(bus.wdata, bus.wstrb, held) & entry.mask)
                    m.d.comb += Assert(Value.cast(getattr(self.part, name)) == held)
                case Access.COMMAND:
                    acts = Mux(write, _bytes_of(bus.wdata, bus.wstrb, zero) & entry.mask, 0)
                    m.d.comb += Assert(Value.cast(getattr(self.part, name)) == past(m, acts))
                case Access.W1C:
                    self._events(m, entry, write, _bytes_of(bus.wdata, bus.wstrb, zero))
        return m

    def _events(self, m: Module, entry: Register, write: Value, ones: Value) -> None:
        """An event shows in the next cycle, whatever else happens, and stays until it is cleared; nothing else
        shows."""
        name, mask = entry.name.lower(), entry.mask
        state = Value.cast(getattr(self.part, name))
        raised = Value.cast(getattr(self.part, f"{name}_set")) & mask
        clears = Mux(write, ones, 0) & mask | Mux(getattr(self.part, f"{name}_clear"), mask, 0)
        before, came, cleared = past(m, state), past(m, raised), past(m, clears)
        m.d.comb += [
            Assert((came & ~state) == 0),
            Assert((before & ~cleared & ~state) == 0),
            Assert((cleared & ~came & state) == 0),
            Assert((state & ~before & ~came) == 0),
            Cover(((came & cleared & before) != 0) & past(m, write)),  # one comes in the cycle of its clearing
        ]


class ReadsHarness(_BlockHarness):
    """A read gives what the register shows in the cycle in which its address is taken."""

    def elaborate(self, platform: object) -> Module:
        m, bus = super().elaborate(platform), self.part.bus
        shown = Signal(32)  # 0 where no register lies, and where it cannot be read
        with m.Switch(bus.araddr[2:]):
            for entry in REGISTERS:
                with m.Case(entry.offset >> 2):
                    if entry.access is Access.CONSTANT:
                        m.d.comb += shown.eq(constants(CONFIG)[entry.name])
                    elif entry.access is not Access.COMMAND:
                        m.d.comb += shown.eq(Value.cast(getattr(self.part, entry.name.lower())) & entry.mask)
        asked = bus.arvalid & bus.arready
        m.d.comb += [Assert(~past(m, asked) | (bus.rdata == past(m, shown))), Cover(bus.rvalid & (bus.rdata != 0))]
        return m


TABLE = (
    Proof(
        "register_writes",
        "registers hold what was written, commands act once, no event is lost even in the cycle of its clearing",
        WritesHarness,
        Mode.INDUCTIVE,
        6,
        (
            Bug(
                "an event is lost in the cycle of its clearing",
                register_block,
                "(member & ~cleared) | raised",
                "(member | raised) & ~cleared",
            ),
            Bug(
                "a write of 0 clears",
                register_block,
                "m.d.comb += cleared.eq(ones)",
                "m.d.comb += cleared.eq(~0)",
            ),
            Bug("strobes are ignored", register_block, "(member & ~bits) | ones", "ones"),
            Bug("a command acts until the next one", register_block, "m.d.sync += member.eq(0)", "pass"),
        ),
    ),
    Proof(
        "register_reads",
        "a read gives the register's value, and 0 where there is none",
        ReadsHarness,
        Mode.INDUCTIVE,
        6,
        (
            Bug(
                "where no register lies, a read gives what the last one gave",
                register_block,
                "[bus.rvalid.eq(1), bus.rdata.eq(0)]",
                "bus.rvalid.eq(1)",
            ),
        ),
    ),
)
