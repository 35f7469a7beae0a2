"""What the operators of domain ``gatewright`` compute, spelt in standard ONNX operators."""

from dataclasses import dataclass

__all__ = ["OPERATORS", "Operator"]


@dataclass(frozen=True)
class Operator:
    """One operator: its attributes (all must be given), inputs, and bodies.

    ``bodies``: overload -> ((first operator set, inputs, text), ...), the newest that the model allows is taken.
    """

    attributes: tuple[str, ...]
    bodies: dict[str, tuple[tuple[int, str, str], ...]]


_HEADS = """
    zeros = Constant<value_ints = [0, 0]>()
    rest = Constant<value_ints = [-1]>()
    first = Constant<value_ints = [0]>()
    heads = Constant<value_int: int = @heads>()
    heads_axis = Unsqueeze(heads, first)
    split = Concat<axis = 0>(zeros, heads_axis, rest)
    q_split = Reshape(q, split)
    k_split = Reshape(k, split)
    v_split = Reshape(v, split)
    q_heads = Transpose<perm = [0, 2, 1, 3]>(q_split)
    k_heads = Transpose<perm = [0, 2, 3, 1]>(k_split)
    v_heads = Transpose<perm = [0, 2, 1, 3]>(v_split)
    raw = MatMul(q_heads, k_heads)
    scale = Constant<value_float: float = @scale>()
    scores = Mul(raw, scale)
    zero = Constant<value_int = 0>()
    one = Constant<value_int = 1>()
    q_shape = Shape(q)
    k_shape = Shape(k)
    queries = Gather(q_shape, one)
    keys = Gather(k_shape, one)
    query_range = Range(zero, queries, one)
    key_index = Range(zero, keys, one)
    second = Constant<value_ints = [1]>()
    query_index = Unsqueeze(query_range, second)
    offset = Sub(keys, queries)
    last_key = Add(query_index, offset)
    past = LessOrEqual(key_index, last_key)
    causal = Constant<value_int: int = @causal>()
    not_causal = Equal(causal, zero)
    visible = Or(past, not_causal)
"""
# A query that attends to no key gets zeros, as from the accelerator, FlashAttention and PyTorch's safe softmax: not a
# mean of all keys, and not NaN, which is what spellings of masks with a lowest number or with -inf come to.
_SOFTMAX = """
    lowest = Constant<value_float = -3.4028234e38>()
    nothing = Constant<value_float = 0.0>()
    masked = Where(attended, scores, lowest)
    shares = Softmax<axis = -1>(masked)
    weights = Where(attended, shares, nothing)
    mixed = MatMul(weights, v_heads)
    tokens = Transpose<perm = [0, 2, 1, 3]>(mixed)
    joined = Concat<axis = 0>(zeros, rest)
    y = Reshape(tokens, joined)
"""
_MASK = """
    mask_axes = Constant<value_ints = [1, 2]>()
    mask_wide = Unsqueeze(mask, mask_axes)
    attended = And(visible, mask_wide)
"""
_UNIT = """
    epsilon = Constant<value_float: float = @epsilon>()
    shifted = Add({variance}, epsilon)
    deviation = Sqrt(shifted)
    unit = Div({centred}, deviation)
    {scaled} = Mul(unit, gain)
"""
_LAYER_NORM_13 = (
    """
    mean = ReduceMean<axes = [-1]>(x)
    centred = Sub(x, mean)
    square = Mul(centred, centred)
    variance = ReduceMean<axes = [-1]>(square)
"""
    + _UNIT.format(variance="variance", centred="centred", scaled="scaled")
    + "y = Add(scaled, bias)"
)
_RMS_NORM = "square = Mul(x, x) {mean}" + _UNIT.format(variance="mean", centred="x", scaled="y")
_L2_NORM = """
    {norm}
    epsilon = Constant<value_float: float = @epsilon>()
    bounded = Max(norm, epsilon)
    y = Div(x, bounded)
"""
_LAST = "last = Constant<value_ints = [-1]>() "
_GATED = """
    one = Constant<value_float = 1.0>()
    half = Constant<value_float = 0.5>()
    gate = Add(curve, one)
    half_x = Mul(x, half)
    y = Mul(half_x, gate)
"""
_GELU_ERF = (
    """
    root = Constant<value_float = 1.4142135623730951>()
    ratio = Div(x, root)
    curve = Erf(ratio)
"""
    + _GATED
)
_GELU_TANH = (
    """
    factor = Constant<value_float = 0.7978845608028654>()
    cubic = Constant<value_float = 0.044715>()
    square = Mul(x, x)
    cube = Mul(square, x)
    bent = Mul(cube, cubic)
    sum = Add(x, bent)
    inner = Mul(sum, factor)
    curve = Tanh(inner)
"""
    + _GATED
)
_MEAN_POOL = """
    weights = Cast<to = 1>(mask)
    feature_axis = Constant<value_ints = [2]>()
    token_axis = Constant<value_ints = [1]>()
    one = Constant<value_float = 1.0>()
    column = Unsqueeze(weights, feature_axis)
    kept = Mul(x, column)
    total = ReduceSum<keepdims = 0>(kept, token_axis)
    count = ReduceSum<keepdims = 1>(weights, token_axis)
    divisor = Max(count, one)
    y = Div(total, divisor)
"""
# Differences of running sums, in double, whose rounding is far below that of float. A scatter that adds would be
# shorter, but ONNX Runtime's adds in parallel, and loses additions to one row.
_CSR = """
    zero = Constant<value_ints = [0]>()
    one = Constant<value_ints = [1]>()
    minus_one = Constant<value_ints = [-1]>()
    end = Constant<value_ints = [9223372036854775807]>()
    rows = Gather<axis = 0>(x, col)
    factor = Unsqueeze(weight, one)
    products = Mul(rows, factor)
    exact = Cast<to = 11>(products)
    axis = Constant<value_int = 0>()
    sums = CumSum(exact, axis)
    pads = Constant<value_ints = [1, 0, 0, 0]>()
    padded = Pad(sums, pads)
    first = Slice(row_ptr, zero, minus_one)
    last = Slice(row_ptr, one, end)
    before = Gather<axis = 0>(padded, first)
    after = Gather<axis = 0>(padded, last)
    difference = Sub(after, before)
    y = Cast<to = 1>(difference)
"""
_PRODUCT = "transposed = Transpose<perm = [1, 0]>(weight) "

OPERATORS: dict[str, Operator] = {
    "Linear": Operator(
        (),
        {
            "": ((13, "x, weight, bias", _PRODUCT + "product = MatMul(x, transposed) y = Add(product, bias)"),),
            "no_bias": ((13, "x, weight", _PRODUCT + "y = MatMul(x, transposed)"),),
        },
    ),
    "Attention": Operator(
        ("heads", "causal", "scale"),
        {
            "": ((13, "q, k, v", _HEADS + "attended = Identity(visible)" + _SOFTMAX),),
            "masked": ((13, "q, k, v, mask", _HEADS + _MASK + _SOFTMAX),),
        },
    ),
    "LayerNorm": Operator(
        ("epsilon",),
        {
            "": (
                (13, "x, gain, bias", _LAYER_NORM_13),
                (17, "x, gain, bias", "y = LayerNormalization<axis = -1, epsilon: float = @epsilon>(x, gain, bias)"),
            )
        },
    ),
    "RmsNorm": Operator(
        ("epsilon",),
        {
            "": (
                (13, "x, gain", _RMS_NORM.format(mean="mean = ReduceMean<axes = [-1]>(square)")),
                (18, "x, gain", _RMS_NORM.format(mean=_LAST + "mean = ReduceMean(square, last)")),
            )
        },
    ),
    "L2Norm": Operator(
        ("epsilon",),
        {
            "": (
                (13, "x", _L2_NORM.format(norm="norm = ReduceL2<axes = [-1]>(x)")),
                (18, "x", _L2_NORM.format(norm=_LAST + "norm = ReduceL2(x, last)")),
            )
        },
    ),
    "Gelu": Operator(
        ("approximate",),
        {
            "": ((13, "x", _GELU_ERF), (20, "x", 'y = Gelu<approximate = "none">(x)')),
            "tanh": ((13, "x", _GELU_TANH), (20, "x", 'y = Gelu<approximate = "tanh">(x)')),
        },
    ),
    "MeanPool": Operator((), {"": ((13, "x, mask", _MEAN_POOL),)}),
    "CsrMatMul": Operator((), {"": ((13, "row_ptr, col, weight, x", _CSR),)}),
}
