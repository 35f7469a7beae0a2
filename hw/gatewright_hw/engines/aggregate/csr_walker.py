"""Walks a CSR matrix row by row and checks it: row pointers, columns and weights in, sound edges out.

    for each row: check its end pointer; for each of its edges: check the column; emit (column, weight, first, last)

Throughput: an edge a cycle, or a row without edges. The order of the checks is that of ``first_fault`` in the golden
model; nothing is emitted that comes behind a fault, so no address is made from bad data.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.csr import WEIGHT_BITS
from gatewright.spec.errors import ErrorCode
from gatewright_hw.engines.interface import ERROR_BITS

__all__ = ["INDEX_BITS", "CsrWalker", "Edge"]

INDEX_BITS = 32


class Edge(data.Struct):
    """One edge, or a row's place when the row has none (``empty``; weight 0, first and last are then both set).

    ``kept`` : the column is one of those whose rows of X are kept on chip.
    """

    col: INDEX_BITS
    weight: WEIGHT_BITS
    first: 1
    last: 1
    empty: 1
    kept: 1


class CsrWalker(wiring.Component):
    """Turns the three streams of a CSR matrix into edges.

    Members
    -------
    start : 1, in; high for one cycle before a matrix's first element arrives.
    rows, cols, nnz : INDEX_BITS each, in; its sizes, constant until ``finished``.
    kept : INDEX_BITS, in; columns below it are marked as kept; constant as well.
    row_ptr, col, weight : streams of INDEX_BITS, INDEX_BITS and WEIGHT_BITS, in; its elements.
    edge : stream of Edge, out; its edges in order, each row at least once.
    finished : 1, out; the walk has ended, by the last row or by a fault; the last edge may still wait at ``edge``.
    error : ERROR_BITS, out; the ``ErrorCode`` of the fault, or NONE.
    """

    start: In(1)
    rows: In(INDEX_BITS)
    cols: In(INDEX_BITS)
    nnz: In(INDEX_BITS)
    kept: In(INDEX_BITS)
    row_ptr: In(stream.Signature(INDEX_BITS))
    col: In(stream.Signature(INDEX_BITS))
    weight: In(stream.Signature(WEIGHT_BITS))
    edge: Out(stream.Signature(Edge))
    finished: Out(1)
    error: Out(ERROR_BITS)

    def elaborate(self, _platform: object) -> Module:
        m = Module()

        # Stage 1: the newest two pointers.
        pointer, previous = Signal(INDEX_BITS), Signal(INDEX_BITS)
        pointer_valid, opening = Signal(), Signal()  # opening: ``pointer`` is row_ptr[0]
        seen = Signal()  # row_ptr[0] has come
        pointers_left = Signal(INDEX_BITS + 1)
        pointer_taken = Signal()
        m.d.comb += self.row_ptr.ready.eq((pointers_left != 0) & (~pointer_valid | pointer_taken))
        with m.If(pointer_taken):
            m.d.sync += pointer_valid.eq(0)
        with m.If(self.row_ptr.valid & self.row_ptr.ready):
            m.d.sync += [
                pointer.eq(self.row_ptr.payload),
                previous.eq(pointer),
                pointer_valid.eq(1),
                opening.eq(~seen),
                seen.eq(1),
                pointers_left.eq(pointers_left - 1),
            ]

        # Stage 2: the row. row_ptr[0] passes as a row only when it is bad.
        row_valid, row_bad, row_empty, row_first = Signal(), Signal(), Signal(), Signal()
        left = Signal(INDEX_BITS)
        row_last, row_passes, item_passes = Signal(), Signal(), Signal()
        bad = Signal()
        m.d.comb += [
            bad.eq((pointer < previous) | (pointer > self.nnz) | (opening & (pointer != 0))),
            row_last.eq(row_bad | row_empty | (left == 1)),
            row_passes.eq(item_passes & row_last),
            pointer_taken.eq(pointer_valid & (~row_valid | row_passes)),
        ]
        with m.If(item_passes):
            m.d.sync += [left.eq(left - 1), row_first.eq(0)]
        with m.If(row_passes):
            m.d.sync += row_valid.eq(0)
        with m.If(pointer_taken):
            m.d.sync += [
                row_valid.eq(~opening | bad),
                row_bad.eq(bad),
                row_empty.eq(pointer == previous),
                row_first.eq(1),
                left.eq(pointer - previous),
            ]

        # Stage 3: the edge, joined from the row, the column and the weight.
        item, item_valid, item_bad, item_wild, item_taken = Signal(Edge), Signal(), Signal(), Signal(), Signal()
        has_edge = Signal()
        edge_there = self.col.valid & self.weight.valid
        m.d.comb += [
            has_edge.eq(row_valid & ~row_bad & ~row_empty),
            item_passes.eq(row_valid & (~has_edge | edge_there) & (~item_valid | item_taken)),
            self.col.ready.eq(item_passes & has_edge),
            self.weight.ready.eq(item_passes & has_edge),
        ]
        with m.If(item_taken):
            m.d.sync += item_valid.eq(0)
        with m.If(item_passes):
            m.d.sync += [
                item_valid.eq(1),
                item_bad.eq(row_bad),
                item_wild.eq(has_edge & (self.col.payload >= self.cols)),
                item.col.eq(self.col.payload),
                item.weight.eq(self.weight.payload),
                item.first.eq(row_first),
                item.last.eq(row_last),
                item.empty.eq(row_empty),
                item.kept.eq(has_edge & (self.col.payload < self.kept)),
            ]
            with m.If(~has_edge):
                m.d.sync += item.weight.eq(0)

        # Stage 4: sound edges pass; a fault stays here and holds up all that follows.
        halted = Signal()
        m.d.comb += [
            halted.eq(self.error != ErrorCode.NONE),
            item_taken.eq(item_valid & ~item_bad & ~item_wild & (~self.edge.valid | self.edge.ready)),
        ]
        with m.If(self.edge.ready):
            m.d.sync += self.edge.valid.eq(0)
        with m.If(item_taken):
            m.d.sync += [self.edge.valid.eq(1), self.edge.payload.eq(item)]
        with m.If(item_valid & item_bad):
            m.d.sync += self.error.eq(ErrorCode.BAD_ROW_POINTER)
        with m.Elif(item_valid & item_wild):
            m.d.sync += self.error.eq(ErrorCode.BAD_INDEX)

        walked = (pointers_left == 0) & ~pointer_valid & ~row_valid & ~item_valid
        m.d.comb += self.finished.eq(walked | halted)

        with m.If(self.start):
            m.d.sync += [
                pointer.eq(0),
                pointer_valid.eq(0),
                seen.eq(0),
                row_valid.eq(0),
                item_valid.eq(0),
                pointers_left.eq(self.rows + 1),
                self.error.eq(ErrorCode.NONE),
            ]
        return m
