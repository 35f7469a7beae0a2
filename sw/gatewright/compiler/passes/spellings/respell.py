"""Operators spelled with others: what a spelling is, and the pass that applies a table of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from gatewright.compiler.graph_access import graph_of
from gatewright.compiler.operators import add_functions
from gatewright.compiler.passes.fold import FoldConstants
from gatewright.compiler.passes.rewriting import Array, Pass, emit, replace

__all__ = ["CONTRIB", "Respell", "Speller", "Spelling", "given", "optional"]

CONTRIB = "com.microsoft"
"""Domain of the operators that onnxruntime adds to ONNX's."""


@dataclass(frozen=True)
class Spelling:
    """How an operator is spelled with others.

    Attributes
    ----------
    spell : the values that are the outputs of a node, made by new nodes behind it; None for an output that the spelling
        does not have, and for a node that it does not fit.
    constants : inputs, by index, whose values must be known.
    """

    spell: Callable[[ir.Node], Sequence[ir.Value | None] | None]
    constants: tuple[int, ...] = ()


_Attribute = int | float | str | Sequence[int] | ir.Attr


class Respell(Pass):
    """Before: nodes of the operators in `spellings`, by domain and name. After: others that compute the same, with
    constants folded and shapes inferred, unless `folds` says that this comes later anyway."""

    spellings: ClassVar[Mapping[tuple[str, str], Spelling]] = {}
    folds: ClassVar[bool] = True

    def rewrite(self, model: ir.Model) -> bool:
        changed = any([self._respell(node) for node in list(model.graph)])
        if changed and self.folds:
            common.RemoveUnusedNodesPass()(model)
            add_functions(model)
            FoldConstants()(model)
        return changed

    def _respell(self, node: ir.Node) -> bool:
        spelling = self.spellings.get((node.domain, node.op_type))
        made = spelling.spell(node) if spelling is not None else None
        if made is None:
            return False
        pairs = [
            (old, new) for old, new in zip(node.outputs, made, strict=False) if old.uses() or old.is_graph_output()
        ]
        if not pairs or any(new is None for _, new in pairs):
            return False
        for old, new in pairs:
            assert new is not None
            replace(old, new)
        return True


def optional(node: ir.Node, index: int) -> ir.Value | None:
    """Input ``index`` of a node, or None."""
    return node.inputs[index] if index < len(node.inputs) else None


def given(node: ir.Node, *indices: int) -> bool:
    """Whether a node has one of the inputs ``indices``."""
    return any(optional(node, index) is not None for index in indices)


class Speller:
    """Emits the nodes of a spelling behind ``node``, one after the other; real numbers unless ``dtype`` says else.

    Attributes are given by name, or in ``more``."""

    def __init__(self, node: ir.Node) -> None:
        self._last, self.graph = node, graph_of(node)

    def __call__(
        self,
        op_type: str,
        *inputs: ir.Value | Array | np.generic | None,
        dtype: ir.DataType = ir.DataType.FLOAT,
        shape: ir.Shape | None = None,
        ours: bool = False,
        domain: str = "",
        overload: str = "",
        more: Mapping[str, _Attribute] | None = None,
        **attributes: _Attribute,
    ) -> ir.Value:
        value = emit(
            op_type,
            inputs,
            self._last,
            self.graph,
            attributes={**attributes, **(more or {})},
            shape=shape,
            dtype=dtype,
            overload=overload,
            ours=ours,
            domain=domain,
        )
        self._last = value.producer() or self._last
        return value
