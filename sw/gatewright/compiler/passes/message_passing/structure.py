"""What follows from a graph alone: its edges, their weights, the number of nodes, and all that is computed of these."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np
import onnx_ir as ir

from gatewright.compiler.operators import HOST_DOMAIN
from gatewright.compiler.passes.message_passing.probes import Probes
from gatewright.compiler.passes.rewriting import Array, array, emit

__all__ = ["Body", "Structure", "insert"]

_RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}


class Structure:
    """Tells which values of a model follow from its graphs alone, by their producers and by ``probes``.

    Integer inputs are edges and the like, float inputs with one axis are weights of edges, and so are constants but
    those of floats whose columns differ: these are features. Sizes of features follow,
    too, where they are those of an input.
    """

    def __init__(self, probes: Probes) -> None:
        self.probes = probes
        self._known: dict[ir.Value, bool] = {}

    def holds(self, value: ir.Value | None) -> bool:
        """Whether ``value`` follows from the graph alone, so that the host can compute it before anything else."""
        if value is None:
            return True
        if value not in self._known:
            self._known[value] = False  # no value is computed from itself
            self._known[value] = self._follows(value)
        return self._known[value]

    def _follows(self, value: ir.Value) -> bool:
        node, constant = value.producer(), array(value)
        if constant is not None:
            return constant.ndim < 2 or constant.dtype.kind != "f" or bool((constant == constant[..., :1]).all())
        if node is None:
            single = value.shape is not None and len(value.shape) == 1
            return value.is_graph_input() and value.dtype is not None and (value.dtype.is_integer() or single)
        bodies = any(
            each.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS) for each in node.attributes.values()
        )
        if node.domain or node.op_type in _RANDOM or bodies:
            return False
        return all(map(self.holds, node.inputs)) or (node.op_type == "Shape" and self.sizes(value) is not None)

    def sizes(self, shape: ir.Value) -> list[int | str] | None:
        """The elements of a vector of sizes: numbers, and names of dimensions; None where one is neither."""
        found = self.probes.of(shape)
        if not found or found[0].ndim != 1 or any(each.shape != found[0].shape for each in found):
            return None
        sizes = [self.probes.size([int(each[index]) for each in found]) for index in range(found[0].size)]
        return None if None in sizes else [size for size in sizes if size is not None]


class Body:
    """A function of a model under construction, of domain `HOST_DOMAIN`, whose inputs come to it as they are needed.

    Attributes
    ----------
    arguments : values of the model that the function reads.
    """

    def __init__(self, model: ir.Model, structure: Structure) -> None:
        self.arguments: list[ir.Value] = []
        self._model, self._structure = model, structure
        self._inputs: list[ir.Value] = []
        self._nodes: list[ir.Node] = []
        self._copies: dict[ir.Value, ir.Value] = {}
        self._shapes: dict[ir.Value, ir.Value] = {}

    def op(
        self, op_type: str, *inputs: ir.Value | Array | np.generic | None, results: int = 1, **attributes: int | str
    ) -> ir.Value:
        """A node on values of the function, and on arrays; the last of its results."""
        values = [self._constant(each) if isinstance(each, np.ndarray | np.generic) else each for each in inputs]
        node = ir.node(op_type, values, attributes, num_outputs=results, name=f"node_{len(self._nodes)}")
        self._nodes.append(node)
        for index, value in enumerate(node.outputs):
            value.name = f"value_{len(self._nodes)}_{index}"
        return node.outputs[-1]

    def _constant(self, data: Array | np.generic) -> ir.Value:
        node = ir.node("Constant", [], {"value": ir.tensor(np.asarray(data))}, name=f"node_{len(self._nodes)}")
        self._nodes.append(node)
        node.outputs[0].name = f"value_{len(self._nodes)}"
        return node.outputs[0]

    def argument(self, value: ir.Value) -> ir.Value:
        """The function's input that stands for a value of the model."""
        if value not in self._copies:
            self.arguments.append(value)
            self._copies[value] = ir.Value(name=f"input_{len(self._inputs)}")
            self._inputs.append(self._copies[value])
        return self._copies[value]

    def dimension(self, size: int | str) -> ir.Value:
        """A size, int64 [1]; that of a dynamic dimension is asked of an input that has it."""
        if isinstance(size, int):
            return self._constant(np.array([size], np.int64))
        carrier, axis = next(
            (value, axis)
            for value in self._structure.probes.inputs
            for axis, each in enumerate(value.shape or ())
            if isinstance(each, ir.SymbolicDim) and each.value == size
        )
        if carrier not in self._shapes:
            rank = [len(carrier.shape or ())]
            self._shapes[carrier] = emit(
                "Shape",
                [carrier],
                None,
                self._model.graph,
                shape=rank,
                dtype=ir.DataType.INT64,
                name=f"sizes_of_{carrier.name}",
            )
        return self.op("Gather", self.argument(self._shapes[carrier]), np.array([axis], np.int64))

    def copy(self, value: ir.Value) -> ir.Value:
        """A value of the model that follows from the graph alone, computed by the function."""
        if value in self._copies:
            return self._copies[value]
        constant, node = array(value), value.producer()
        found: ir.Value
        if constant is not None:
            found = self._constant(constant)
        elif node is None:
            return self.argument(value)
        elif not all(map(self._structure.holds, node.inputs)):
            sizes = [self.dimension(size) for size in self._structure.sizes(value) or ()]
            found = self.op("Concat", *sizes, axis=0)
        else:
            inputs = [None if each is None else self.copy(each) for each in node.inputs]
            copied = ir.node(
                node.op_type,
                inputs,
                dict(node.attributes),
                num_outputs=len(node.outputs),
                name=f"node_{len(self._nodes)}",
            )
            self._nodes.append(copied)
            for index, (old, new) in enumerate(zip(node.outputs, copied.outputs, strict=True)):
                new.name = f"value_{len(self._nodes)}_{index}"
                self._copies[old] = new
            return self._copies[value]
        self._copies[value] = found
        return found

    def call(self, title: str, outputs: Sequence[ir.Value]) -> ir.Node:
        """The function as part of the model, and a node that calls it, not yet in the graph.

        Both are called ``title``, the inputs of the model that are read, and a number.
        """
        title = "_".join([title, *(value.name or "" for value in self.arguments if value.is_graph_input())])
        taken = {identifier[1] for identifier in self._model.functions}
        name = next(each for index in count() if (each := f"{title}_{index}") not in taken)
        opsets = {"": self._model.opset_imports[""]}
        graph = ir.Graph(self._inputs, outputs, nodes=self._nodes, opset_imports=opsets)
        function = ir.Function(HOST_DOMAIN, name, graph=graph, attributes=[])
        self._model.functions[function.identifier()] = function
        self._model.opset_imports.setdefault(HOST_DOMAIN, 1)
        return ir.node(name, self.arguments, domain=HOST_DOMAIN, num_outputs=len(outputs), name=name)


def insert(graph: ir.Graph, node: ir.Node) -> None:
    """Behind the nodes that make its arguments, which read inputs alone."""
    makers = [maker for value in node.inputs if value is not None and (maker := value.producer()) is not None]
    first = next(iter(graph))
    if not makers:
        graph.insert_before(first, node)
    else:
        order = {each: index for index, each in enumerate(graph)}
        graph.insert_after(max(makers, key=lambda each: order[each]), node)
