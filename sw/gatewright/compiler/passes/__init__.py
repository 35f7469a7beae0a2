"""From any ONNX model to its canonical form: passes over the graph, in one list.

The model stays valid after every pass, and onnxruntime executes it with the same results. The canonical form has
operators of domain ``gatewright`` (`gatewright.compiler.operators`) for what the accelerator does as a whole, and
standard operators for the rest.
"""

from collections.abc import Callable

import onnx_ir as ir

from gatewright.compiler.bindings import Bindings
from gatewright.compiler.passes.attention.convert import ConvertAttention
from gatewright.compiler.passes.attention.expand import ExpandAttention
from gatewright.compiler.passes.attention.fuse import FuseAttention
from gatewright.compiler.passes.broadcast import DropExpands
from gatewright.compiler.passes.casts import MoveCastsBeforeViews
from gatewright.compiler.passes.dimensions import BindDimensions
from gatewright.compiler.passes.dynamically_quantised import ImportDynamicallyQuantised
from gatewright.compiler.passes.fold import FoldConstants, FoldLateConstants
from gatewright.compiler.passes.gelu import FuseGelu
from gatewright.compiler.passes.inline import InlineFunctions
from gatewright.compiler.passes.l2_norm import FuseL2Norm
from gatewright.compiler.passes.layer_norm import FuseLayerNorm
from gatewright.compiler.passes.linear import FuseLinear
from gatewright.compiler.passes.mean_pool import FuseMeanPool
from gatewright.compiler.passes.quantised import ImportQuantised
from gatewright.compiler.passes.rewriting import Pass
from gatewright.compiler.passes.rms_norm import FuseRmsNorm
from gatewright.compiler.passes.rows import MoveViewsBehindLinear
from gatewright.compiler.passes.shapes import CheckShapes
from gatewright.compiler.passes.sums import JoinSums
from gatewright.compiler.passes.tidy import MergeEqualNodes, Name
from gatewright.compiler.passes.views import SimplifyViews

__all__ = ["PASSES", "run"]

PASSES: tuple[Callable[[Bindings], Pass], ...] = (
    lambda _: InlineFunctions(),
    BindDimensions,
    lambda _: ImportQuantised(),
    lambda _: FoldConstants(),
    CheckShapes,
    lambda _: ImportDynamicallyQuantised(),
    lambda _: MergeEqualNodes(),
    lambda _: DropExpands(),
    lambda _: JoinSums(),
    lambda _: FuseLayerNorm(),
    lambda _: FuseRmsNorm(),
    lambda _: FuseGelu(),
    lambda _: ConvertAttention(),
    lambda _: ExpandAttention(),
    lambda _: FuseLinear(),
    lambda _: FuseAttention(),
    lambda _: FuseMeanPool(),
    lambda _: FuseL2Norm(),
    lambda _: MoveCastsBeforeViews(),
    lambda _: SimplifyViews(),
    lambda _: MoveViewsBehindLinear(),
    lambda _: SimplifyViews(),
    lambda _: FoldLateConstants(),
    lambda _: MergeEqualNodes(),
    lambda _: Name(),
)


def run(
    model: ir.Model, bindings: Bindings | None = None, after: Callable[[str, ir.Model], None] | None = None
) -> list[tuple[str, bool]]:
    """Bring ``model`` to its canonical form, in place.

    ``after`` is called behind each pass with its name and the model, for a look at it. Returns name and "changed" of
    each pass. Raises `CompileError` for dynamic dimensions that ``bindings`` does not settle and shapes that depend on
    data.
    """
    done = []
    for make in PASSES:
        stage = make(bindings or Bindings())
        changed = stage(model).modified
        done.append((type(stage).__name__, changed))
        if after is not None:
            after(type(stage).__name__, model)
    return done
