"""Performance counters of the last program. They outlive a reset of the engines, so that they can be read after an
error."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.registers import ENGINES

__all__ = ["PerformanceCounters"]

COUNTER_BITS = 32


class PerformanceCounters(wiring.Component):
    """The counter registers: each counts how often its event happens, or the cycles that it lasts, modulo
    2**COUNTER_BITS.

    Parameters
    ----------
    read_ports : memory ports through which beats are read.

    Members
    -------
    clear : 1, in; start from zero, whatever happens in this cycle.
    busy : 1, in; a program runs.
    read_beats_now : range(read_ports + 1), in; beats read that cross the bus in this cycle.
    write_beat : 1, in; a beat written does.
    active : one bit per entry of ``spec.registers.ENGINES``, in; its command runs.
    completed : one bit per entry of ENGINES, in; high for one cycle when its command has ended without error.
    <outputs> : COUNTER_BITS, out; one member per counter register, by its name in lower case.
    """

    outputs = (
        "cycles",
        "read_beats",
        "write_beats",
        *(f"{kind}_{engine}" for kind in ("cycles", "commands") for engine in ENGINES),
    )

    def __init__(self, read_ports: int = 1) -> None:
        engines = len(ENGINES)
        read = range(read_ports + 1)
        events = {
            "clear": 1,
            "busy": 1,
            "read_beats_now": read,
            "write_beat": 1,
            "active": engines,
            "completed": engines,
        }
        super().__init__(
            {name: In(width) for name, width in events.items()} | {name: Out(COUNTER_BITS) for name in self.outputs}
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        counts = [(self.cycles, self.busy), (self.read_beats, self.read_beats_now), (self.write_beats, self.write_beat)]
        for index, engine in enumerate(ENGINES):
            counts += [
                (getattr(self, f"cycles_{engine}"), self.active[index]),
                (getattr(self, f"commands_{engine}"), self.completed[index]),
            ]
        for counter, event in counts:
            with m.If(self.clear):
                m.d.sync += counter.eq(0)
            with m.Else():
                m.d.sync += counter.eq(counter + event)
        return m
