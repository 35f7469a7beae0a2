"""Which jobs have ended in every loader: the tile loaders that share a job end their parts at different times."""

from amaranth.hdl import Cat, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.tiling import BLOCK_TILES
from gatewright_hw.engines.gemm.geometry import Event
from gatewright_hw.parts.queue import Queue

__all__ = ["Ended", "EndedJobs"]


class Ended(data.Struct):
    """The end of a job, where ``valid``: what it means, and for how many tiles."""

    valid: 1
    event: Event
    tiles: range(BLOCK_TILES + 1)


class EndedJobs(wiring.Component):
    """A job has ended when its last part has; in order, a cycle later, at most one a cycle.

    Parameters
    ----------
    loaders : how many there are.
    ahead : most jobs that one of them can have ended before another.

    Members
    -------
    parts : Ended of each loader, in; a job's part ends in this cycle.
    whole : Ended, out; a job has ended.
    """

    def __init__(self, loaders: int, ahead: int) -> None:
        self._ahead = ahead
        super().__init__({"parts": In(Ended).array(loaders), "whole": Out(Ended)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        queues = []
        for index, part in enumerate(self.parts):
            m.submodules[f"queue_{index}"] = queue = Queue(Ended, self._ahead + 1, buffered=False)
            m.d.comb += [queue.i.payload.eq(part), queue.i.valid.eq(part.valid)]
            queues.append(queue)
        ended = Cat(queue.o.valid for queue in queues).all()
        m.d.comb += [queue.o.ready.eq(ended) for queue in queues]
        m.d.comb += [self.whole.eq(queues[0].o.payload), self.whole.valid.eq(ended)]
        return m
