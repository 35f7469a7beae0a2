"""The tile loaders of all read ports, which share each load."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from gatewright_hw.engines.gemm.ended_jobs import EndedJobs
from gatewright_hw.engines.gemm.geometry import WORD_BYTES, Event, Geometry
from gatewright_hw.engines.gemm.loader import JOBS_BEGUN, TileLoader, loader_members

__all__ = ["TileLoaders"]


class TileLoaders(wiring.Component):
    """``ports`` loaders as one: a job is taken by all of them at once, and has ended when each has ended its part.

    Members
    -------
    descriptor, data, a, b : of each loader, as :class:`.loader.TileLoader` has them.
    stall_a : 1, in; another writer has A's banks in this cycle.
    word : 64 bits, out; the record or the word of the key mask, with ``column_write`` or ``mask_write``.
    others : as the loader's.
    """

    def __init__(self, geometry: Geometry, ports: int) -> None:
        self._geometry = geometry
        self._ports = ports
        one = loader_members(geometry)
        shared = ("job", "stall_a", "column_write", "column", "column_lane", "mask_write", "mask", "event", "tiles")
        each = ("descriptor", "data", "a", "b")
        super().__init__(
            {name: one[name] for name in shared}
            | {name: one[name].array(ports) for name in each}
            | {"word": Out(8 * WORD_BYTES)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        loaders = [TileLoader(self._geometry, share, self._ports) for share in range(self._ports)]
        first, last = loaders[0], loaders[-1]
        banks = self._geometry.cols // self._ports
        for index, loader in enumerate(loaders):
            m.submodules[f"loader_{index}"] = loader
            wiring.connect(m, loader.descriptor, wiring.flipped(self.descriptor[index]))
            wiring.connect(m, wiring.flipped(self.data[index]), loader.data)
            m.d.comb += [
                self.a[index].eq(loader.a),
                self.b[index].eq(loader.b),
                loader.stall_a.eq(self.stall_a),
                loader.job.payload.eq(self.job.payload),
                loader.job.valid.eq(self.job.valid & self.job.ready),
            ]
            if loader is not first:  # which writes what is transposed to all banks
                m.d.comb += loader.stall_b.eq(first.b.banks.word_select(index, banks).any())
        m.d.comb += [
            self.job.ready.eq(Cat(loader.job.ready for loader in loaders).all()),
            self.word.eq(self.data[-1].payload),
            self.column_write.eq(last.column_write),
            self.column.eq(last.column),
            self.column_lane.eq(last.column_lane),
            self.mask_write.eq(last.mask_write),
            self.mask.eq(last.mask),
        ]
        self._join_ends(m, loaders)
        return m

    def _join_ends(self, m: Module, loaders: list[TileLoader]) -> None:
        if len(loaders) == 1:
            m.d.comb += [self.event.eq(loaders[0].event), self.tiles.eq(loaders[0].tiles)]
            return
        m.submodules.ended = ended = EndedJobs(len(loaders), JOBS_BEGUN)
        for loader, part in zip(loaders, ended.parts, strict=True):
            m.d.comb += [part.valid.eq(loader.ended), part.event.eq(loader.event), part.tiles.eq(loader.tiles)]
        whole = ended.whole
        m.d.comb += [self.event.eq(Mux(whole.valid, whole.event, Event.NONE)), self.tiles.eq(whole.tiles)]
