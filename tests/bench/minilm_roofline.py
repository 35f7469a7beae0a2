"""Cycles of all-MiniLM-L6-v2 on the RTL, beside the least that its ONNX graph allows.

    python tests/bench/minilm_roofline.py [--tokens 32 ...] [--mhz 100]

The bound is counted from the graph alone, by onnx; the compiler has no part in it. Every product is counted once,
however many int8 products the program takes for it; every weight, record and function table is read once, at the rate
of all ports or of the DRAM. So a program that computes or reads twice is further from the bound, not nearer.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx

from gatewright.spec.commands import GEMM_PARAMS_DTYPE
from gatewright.spec.config import AcceleratorConfig, get_config
from gatewright.spec.memory import BUS_BYTES, MemoryModel
from gatewright.spec.vector import TABLE_BYTES

__all__ = ["Work", "bounds", "count", "main"]

CONFIG = "pynq-z2"
RECORD_BYTES = np.dtype(GEMM_PARAMS_DTYPE).itemsize


@dataclass
class Work:
    """What a graph computes and reads, each once.

    Attributes
    ----------
    macs : multiply-accumulates of all products, attention's included.
    weights : elements of constant operands of products, one byte each in int8.
    columns : that these products and the layer norms make, with a record each.
    tables : scalar functions that no arithmetic gives.
    looked_up : elements of the rows that are looked up in constants, one byte each.
    """

    macs: int = 0
    weights: int = 0
    columns: int = 0
    tables: int = 0
    looked_up: int = 0

    @property
    def read_bytes(self) -> int:
        return self.weights + self.columns * RECORD_BYTES + self.tables * TABLE_BYTES + self.looked_up


def count(model: onnx.ModelProto, tokens: int) -> Work:
    """The work of a text of so many tokens; every dynamic size of the inputs is that number.

    Raises NotImplementedError for products that are not spelled MatMul, or whose sizes onnx does not find.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = tokens
    graph = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    constants = {each.name: tuple(each.dims) for each in graph.initializer}
    shapes = constants | {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)  # 0: not found
        for value in graph.value_info
    }
    work = Work()
    for node in graph.node:
        left, right, *_ = [*(shapes.get(name, ()) for name in node.input), (), ()]
        match node.op_type:
            case "MatMul":
                if not (left and right and all((*left, *right))):
                    raise NotImplementedError(f"MatMul {node.name}: {left} times {right}")
                work.macs += prod(left) * right[-1]
                if node.input[1] in constants:
                    work.weights += prod(right)
                    work.columns += right[-1]
            case "LayerNormalization":
                work.columns += right[-1]
            case "Erf":
                work.tables += 1
            case "Gather" if node.input[0] in constants:  # an embedding: a row a token, at most all there are
                work.looked_up += min(tokens, left[0]) * prod(left[1:])
            case "Gemm" | "Einsum" | "Attention" | "Conv":
                raise NotImplementedError(f"{node.op_type} {node.name}: its products are not counted")
    return work


def bounds(work: Work, config: AcceleratorConfig, memory: MemoryModel) -> tuple[int, int]:
    """Least cycles to compute and to read."""
    rate = min(BUS_BYTES * config.read_ports, memory.dram.bytes_per_second / (memory.clock_mhz * 1e6))
    return -(-work.macs // config.macs_per_cycle), int(work.read_bytes / rate)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each program and length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, nargs="+", default=[32, 64, 128], help="at most 256 (default: 32 64 128)")
    parser.add_argument("--mhz", type=float, default=100.0, help="clock of the fabric (default: 100)")
    options = parser.parse_args(arguments)

    from gatewright.driver import Accelerator
    from gatewright.models.export import export_encoder
    from gatewright_sim.speed.measure import TIMEOUT_S
    from gatewright_sim.speed.minilm import BOUNDS, minilm_program

    config, memory, graph = get_config(CONFIG), MemoryModel(options.mhz), export_encoder()
    print(f"{'all-MiniLM-L6-v2':<24}{'tokens':>8}{'cycles':>12}{'compute':>12}{'memory':>12}{'of bound':>10}")
    for how, max_error in BOUNDS.items():
        with (
            Accelerator(config, "rtl", timeout_s=TIMEOUT_S, memory=memory) as accelerator,
            accelerator.load(minilm_program(config, max_error)) as program,
        ):
            for tokens in options.tokens:
                accelerator.reset_report()
                program(ids=np.arange(1000, 1000 + tokens)[None], mask=np.ones((1, tokens), np.int64))
                cycles = accelerator.report().cycles
                compute, read = bounds(count(graph, tokens), config, memory)
                share = max(compute, read) / cycles
                print(f"{how:<24}{tokens:>8}{cycles:>12,}{compute:>12,}{read:>12,}{share:>10.1%}", flush=True)


if __name__ == "__main__":
    main()
