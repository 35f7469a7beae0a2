"""The life of a command in an engine: taken, settled, started, running, done. One at a time.

cycle 0 taken    1 .. settle settles    settle + 1 start    from settle + 2 on running, until ``finished``: done
"""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import COMMAND_BYTES
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.parameters import in_range

__all__ = ["CommandControl"]

_COMMAND_BITS = 8 * COMMAND_BYTES


class CommandControl(wiring.Component):
    """Holds the command that an engine runs.

    Parameters
    ----------
    settle : cycles before the start in which registers take what follows from the command, 0..16.

    Members
    -------
    command : stream of 512 bits, in.
    taken : 512 bits, out; the command, from the cycle after it was taken until the next one is.
    start : 1, out; high for one cycle.
    running : 1, out; from the cycle after ``start`` until the command is done.
    finished : 1, in; everything is at rest; only looked at while ``running``.
    done : 1, out; high for one cycle, the first in which a running command is ``finished``.
    """

    def __init__(self, settle: int) -> None:
        self._settle = in_range("CommandControl", "settle", settle, 0, 16)
        super().__init__(
            {
                "command": In(stream.Signature(_COMMAND_BITS)),
                "taken": Out(_COMMAND_BITS),
                "start": Out(1),
                "running": Out(1),
                "finished": In(1),
                "done": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        busy, accept = Signal(), Signal()
        m.d.comb += [
            self.command.ready.eq(~busy),
            accept.eq(self.command.valid & self.command.ready),
            self.start.eq(delayed(m, accept, 1 + self._settle, reset=True)[-1]),
            self.done.eq(self.running & self.finished),
        ]
        with m.If(accept):
            m.d.sync += [self.taken.eq(self.command.payload), busy.eq(1)]
        with m.If(self.start):
            m.d.sync += self.running.eq(1)
        with m.If(self.done):
            m.d.sync += [self.running.eq(0), busy.eq(0)]
        return m
