"""From any ONNX model to its canonical form: passes over the graph, in one list.

The model stays valid after every pass, and onnxruntime executes it with the same results. The canonical form has
operators of domain ``gatewright`` (`gatewright.compiler.operators`) for what the accelerator does as a whole, and
standard operators for the rest.
"""

from collections.abc import Callable

import onnx_ir as ir

from gatewright.compiler.bindings import Bindings
from gatewright.compiler.errors import CompileError
from gatewright.compiler.passes.attention.convert import ConvertAttention
from gatewright.compiler.passes.attention.expand import ExpandAttention
from gatewright.compiler.passes.attention.fuse import FuseAttention
from gatewright.compiler.passes.broadcast import DropExpands
from gatewright.compiler.passes.casts import DropCastsOfIndices, MoveCastsBeforeViews
from gatewright.compiler.passes.dimensions import BindDimensions
from gatewright.compiler.passes.dynamically_quantised import ImportDynamicallyQuantised
from gatewright.compiler.passes.fold import FoldConstants, FoldLateConstants
from gatewright.compiler.passes.gelu import FuseGelu
from gatewright.compiler.passes.inline import InlineFunctions
from gatewright.compiler.passes.l2_norm import FuseL2Norm
from gatewright.compiler.passes.layer_norm import FuseLayerNorm
from gatewright.compiler.passes.linear import FuseLinear
from gatewright.compiler.passes.mean_pool import FuseMeanPool
from gatewright.compiler.passes.message_passing.fuse import FuseMessagePassing
from gatewright.compiler.passes.message_passing.indices import PrepareIndices
from gatewright.compiler.passes.quantised import ImportQuantised
from gatewright.compiler.passes.rewriting import Pass
from gatewright.compiler.passes.rms_norm import FuseRmsNorm
from gatewright.compiler.passes.rows import MoveViewsBehindLinear
from gatewright.compiler.passes.shapes import CheckShapes
from gatewright.compiler.passes.spellings.contrib import SpellContrib
from gatewright.compiler.passes.spellings.qlinear import SpellQuantised
from gatewright.compiler.passes.spellings.standard import SpellStandard
from gatewright.compiler.passes.sums import JoinSums
from gatewright.compiler.passes.tidy import MergeEqualNodes, Name
from gatewright.compiler.passes.views import SimplifyViews
from gatewright.program.errors import first_line

__all__ = ["PASSES", "run"]

PASSES: tuple[type[Pass], ...] = (
    InlineFunctions,
    BindDimensions,
    SpellQuantised,
    ImportQuantised,
    FoldConstants,
    MergeEqualNodes,
    FuseMessagePassing,
    CheckShapes,
    SpellContrib,
    SpellStandard,
    PrepareIndices,
    ImportDynamicallyQuantised,
    MergeEqualNodes,
    DropExpands,
    JoinSums,
    FuseLayerNorm,
    FuseRmsNorm,
    FuseGelu,
    ConvertAttention,
    ExpandAttention,
    FuseLinear,
    FuseAttention,
    FuseMeanPool,
    FuseL2Norm,
    DropCastsOfIndices,
    MoveCastsBeforeViews,
    SimplifyViews,
    MoveViewsBehindLinear,
    SimplifyViews,
    FoldLateConstants,
    MergeEqualNodes,
    Name,
)
"""In their order; some clean up what others leave, and come twice."""


def run(
    model: ir.Model, bindings: Bindings | None = None, after: Callable[[str, ir.Model], None] | None = None
) -> list[tuple[str, bool]]:
    """Bring ``model`` to its canonical form, in place.

    ``after`` is called behind each pass with its name and the model, for a look at it. Returns name and "changed" of
    each pass. Raises `CompileError` for dynamic dimensions that ``bindings`` does not settle, shapes that depend on
    data, and a model that contradicts itself, so that a pass cannot read it.
    """
    done = []
    for kind in PASSES:
        try:
            changed = kind(bindings).run(model)
        except CompileError:
            raise
        except Exception as error:  # of the libraries that evaluate and infer; they have no common base
            raise CompileError(f"pass {kind.__name__} cannot read the model: {first_line(error)}") from error
        done.append((kind.__name__, changed))
        if after is not None:
            after(kind.__name__, model)
    return done
